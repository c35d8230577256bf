import { readFileSync } from 'node:fs';
import { type Lab, runningLab } from '../cluster/lab.ts';
import { knownPlaces, knownTargets } from '../cluster/places.ts';
import { ensureWorkload, sendProbes } from '../cluster/workload.ts';
import { LabFailure } from '../failure.ts';
import { bySource, ProbeInputError, type ProbeOutcome, type ProbeRequest, planProbes, readProbes } from '../plan/probes.ts';
import type { CommandContext } from './command-context.ts';

/** `probe <file.json|->`: sends all probes at once and prints the same array with what became of each. */
export async function probe({ config, print }: CommandContext, file: string): Promise<number> {
  const lab = runningLab(config);
  try {
    const probes = readProbes(readText(file));
    const outcomes = await runProbes(lab, probes);
    print(`[\n${probes.map((request, index) => `  ${JSON.stringify({ ...request, ...outcomes[index] })}`).join(',\n')}\n]`);
    return 0;
  } catch (error) {
    if (error instanceof ProbeInputError) throw new LabFailure(`nothing was sent:\n${error.message}`);
    throw error;
  }
}

/** An outcome, and the local port that was used (0 for none). */
export type SentProbe = ProbeOutcome & { readonly sourcePort: number };

/** Sends probes from where they say, all at once; outcomes in order. Throws ProbeInputError for places that don't exist. */
export async function runProbes(lab: Lab, probes: readonly ProbeRequest[]): Promise<readonly SentProbe[]> {
  const places = knownPlaces(lab.state);
  const planned = planProbes(probes, knownTargets(lab.state));
  const outcomes = planned.map(
    (probe): SentProbe => ({ ok: false, reply: null, error: 'error' in probe ? probe.error : null, ms: 0, sourcePort: 0 }),
  );
  const groups = [...bySource(planned)].map(([from, positions]) => ({ place: places.get(from)!.place, positions }));
  await Promise.all(groups.map(({ place }) => ensureWorkload(lab, place)));
  await Promise.all(
    groups.map(async ({ place, positions }) => {
      const jobs = positions.map((position) => (planned[position] as Extract<(typeof planned)[number], { from: string }>).job);
      const results = await sendProbes(lab, place, jobs);
      for (const [index, position] of positions.entries()) outcomes[position] = results[index]!;
    }),
  );
  return outcomes;
}

/** Text of a file, or of standard input. Throws LabFailure. */
export function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new LabFailure(`can't read ${file}: ${(error as NodeJS.ErrnoException).message}`);
  }
}
