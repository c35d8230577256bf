import type { Flow } from '@myelin/contracts/flow';
import type { LabClients } from '../cluster/clients.ts';
import type { Lab } from '../cluster/lab.ts';
import { knownPlaces } from '../cluster/places.ts';
import { runProbes, type SentProbe } from '../commands/probe.ts';
import type { ProbeRequest } from '../plan/probes.ts';
import type { Expectation, Expected } from './expectations.ts';
import { findDrop } from './find-drop.ts';
import { deniedAt, deniedBy } from './flow-text.ts';

/** What became of an expectation over one family. */
export interface Check {
  readonly family: 4 | 6;
  readonly probe: ProbeRequest;
  readonly outcome: SentProbe;
  /** The event that reported the denial. */
  readonly event: Flow | undefined;
  /** Null: as expected; else what differs. */
  readonly difference: string | null;
}

/** Tries all expectations, every connection at once, over both families; checks in the order of the expectations, IPv4 first. */
export async function checkAll(
  lab: Lab,
  expectations: readonly Expectation[],
  clients: LabClients,
): Promise<readonly (readonly Check[])[]> {
  const probes = expectations.map((expectation) => ([4, 6] as const).map((family) => probeOf(expectation, family)));
  const outcomes = await runProbes(lab, probes.flat());
  return Promise.all(
    expectations.map(({ expected }, row) =>
      Promise.all(
        probes[row]!.map(async (probe, column): Promise<Check> => {
          const outcome = outcomes[2 * row + column]!;
          const event = outcome.ok ? undefined : await dropOf(lab, probe, outcome.sourcePort, clients);
          return { family: probe.family!, probe, outcome, event, difference: compare(lab, expected, probe, outcome, event) };
        }),
      ),
    ),
  );
}

function probeOf({ from, to, protocol, port }: Expectation, family: 4 | 6): ProbeRequest {
  return { from, to: typeof to === 'string' ? to : to[family === 4 ? 0 : 1], protocol, family, ...(protocol === 'ICMP' ? {} : { port }) };
}

/** The drop event of a probe. */
export function dropOf(lab: Lab, probe: ProbeRequest, sourcePort: number, clients: LabClients): Promise<Flow | undefined> {
  const places = knownPlaces(lab.state);
  const isFamily = (address: string) => address.includes(':') === (probe.family === 6);
  const addressesOf = (name: string) => (name.startsWith('ip:') ? [name.slice(3)] : (places.get(name)?.addresses ?? []));
  const destination = addressesOf(probe.to).find(isFamily) ?? '';
  const query = { protocol: probe.protocol, destination, port: probe.port ?? 0, source: addressesOf(probe.from), sourcePort };
  return findDrop(
    clients,
    lab.state.nodes.map(({ name }) => name),
    query,
  );
}

function compare(lab: Lab, expected: Expected, probe: ProbeRequest, outcome: SentProbe, event: Flow | undefined): string | null {
  if (expected.verdict === 'allowed') {
    if (!outcome.ok) return `expected a reply, got ${outcome.error}`;
    const places = knownPlaces(lab.state);
    const { nodes } = lab.state;
    const seen = outcome.reply!.split(' ').at(-1)!;
    const wanted = expected.seenAs === 'node' ? nodes.flatMap(({ addresses }) => addresses) : (places.get(probe.from)?.addresses ?? []);
    // A ping's reply comes from the other end and names it.
    return probe.protocol === 'ICMP' || wanted.includes(seen) ? null : `expected the server to see ${wanted.join(' or ')}, it saw ${seen}`;
  }
  if (outcome.ok) return `expected a denial, got the reply ${JSON.stringify(outcome.reply)}`;
  if (event === undefined) return `denied (${outcome.error}), but no event reported it`;
  const wanted = `at ${expected.at} by ${[...expected.by].sort().join(', ')}`;
  const found = `at ${deniedAt(event)} by ${deniedBy(event).join(', ')}`;
  return wanted === found ? null : `expected a denial ${wanted}, it was ${found}`;
}
