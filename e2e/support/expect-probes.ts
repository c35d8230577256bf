import { join } from 'node:path';
import { address, toBytes } from '@myelin/address';
import { BpfMap } from '@myelin/bpf-native';
import { peerCodec } from '@myelin/datapath-layout';
import { diagnose, type ProbeRequest, runProbes } from '@myelin/tool-lab';
import { expect } from 'vitest';
import { bothFamilies, type TestLab } from './test-lab.ts';

/**
 * Probes written as lines, `from -> to PROTOCOL port`, each with whether a reply is expected: tried over both families at once. What differs is shown line by line, with what
 * the lab knows of it at that moment.
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
  const troubles = probes
    .map((probe, index) => ({ probe, outcome: outcomes[index]!, name: names[index]! }))
    .filter(({ name }) => found[name] !== wanted[name]);
  if (troubles.length === 0) return;
  const known = await diagnose(lab.running, troubles, (node, of) => holderAt(lab, node, of));
  expect(found, `what the lab knows of it:\n${known.join('\n')}\n`).toEqual(wanted);
}

/** Who has an address for the programs of a node. */
function holderAt(lab: TestLab, node: string, text: string): string {
  const of = address(text);
  const map = BpfMap.openPinned(join(lab.running.paths.bpf, node, 'maps', `addresses_v${of.family}`));
  try {
    const value = map.lookup(Buffer.from(toBytes(of, of.family === 4 ? 4 : 16)));
    if (value === null) return 'unknown';
    const { identity, slot, node: number } = peerCodec.read(value);
    return `identity ${identity}, ${slot > 0 ? `its own slot ${slot}` : number > 0 ? `of node number ${number}` : 'a node, or reached natively'}`;
  } finally {
    map.close();
  }
}

function parse(line: string): Omit<ProbeRequest, 'family'> {
  const match = /^(\S+) -> (\S+) (TCP|UDP|ICMP)(?: (\d+))?$/.exec(line);
  if (match === null) throw new Error(`not a probe: ${line}`);
  const [, from, to, protocol, port] = match;
  return { from: from!, to: to!, protocol: protocol as ProbeRequest['protocol'], ...(port === undefined ? {} : { port: Number(port) }) };
}
