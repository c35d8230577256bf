import { type ProbeRequest, runProbes } from '@myelin/tool-lab';
import { expect } from 'vitest';
import { bothFamilies, type TestLab } from './test-lab.ts';

/**
 * Probes written as lines, `from -> to PROTOCOL port`, each with whether a reply is expected: tried over both families at once. What differs is shown line by line.
 */
export async function expectProbes(
  lab: TestLab,
  lines: Readonly<Record<string, 'reply' | 'timeout' | 'refused' | 'unreachable'>>,
): Promise<void> {
  const probes = Object.keys(lines).flatMap((line) => bothFamilies(parse(line)));
  // As the command `probe` does, without starting a process for it.
  const outcomes = await runProbes(lab.running, probes);
  const names = Object.keys(lines).flatMap((line) => [`${line} IPv4`, `${line} IPv6`]);
  const found = Object.fromEntries(names.map((name, index) => [name, outcomes[index]!.ok ? 'reply' : outcomes[index]!.error]));
  const wanted = Object.fromEntries(
    Object.entries(lines).flatMap(([line, result]) => [
      [`${line} IPv4`, result],
      [`${line} IPv6`, result],
    ]),
  );
  expect(found).toEqual(wanted);
}

function parse(line: string): Omit<ProbeRequest, 'family'> {
  const match = /^(\S+) -> (\S+) (TCP|UDP|ICMP)(?: (\d+))?$/.exec(line);
  if (match === null) throw new Error(`not a probe: ${line}`);
  const [, from, to, protocol, port] = match;
  return { from: from!, to: to!, protocol: protocol as ProbeRequest['protocol'], ...(port === undefined ? {} : { port: Number(port) }) };
}
