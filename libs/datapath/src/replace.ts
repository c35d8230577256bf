import { type BpfMap, interfaceIndex, interfaceName } from '@myelin/bpf-native';
import { interfaceCodec, nodeCodec } from '@myelin/datapath-layout';
import type { Attachments } from './attachment.ts';
import { interfacesLinkedTo } from './pins.ts';
import { required } from './tables.ts';

/**
 * Has every pod's and tunnel's hook run the loaded programs, each replaced in place. Which interfaces there are say the maps, and the links of tunnels that lead to no node yet; one that has gone is passed
 * over. Throws DatapathError, BpfError: what was replaced stays so.
 */
export async function replaceEverywhere(bpffs: string, attachments: Attachments, maps: ReadonlyMap<string, BpfMap>): Promise<void> {
  for (const name of await podInterfaces(required(maps, 'interfaces', 'map'))) await attachments.attach(name);
  const tunnels = new Set([...(await tunnelInterfaces(required(maps, 'nodes', 'map'))), ...interfacesLinkedTo(bpffs, 'from_tunnel')]);
  for (const name of tunnels) if (interfaceIndex(name) !== null) await attachments.attachTunnel(name);
}

async function podInterfaces(interfaces: BpfMap): Promise<readonly string[]> {
  const names: (string | null)[] = [];
  for await (const { count, keys, values } of interfaces.batches())
    for (let at = 0; at < count; at += 1)
      if (interfaceCodec.read(values, at * interfaceCodec.size).slot !== 0) names.push(interfaceName(keys.readUInt32LE(at * 4)));
  return names.filter((name) => name !== null);
}

async function tunnelInterfaces(nodes: BpfMap): Promise<readonly string[]> {
  const indexes = new Set<number>();
  for await (const { count, values } of nodes.batches())
    for (let at = 0; at < count; at += 1) indexes.add(nodeCodec.read(values, at * nodeCodec.size).interface);
  return [...indexes].map((index) => (index === 0 ? null : interfaceName(index))).filter((name) => name !== null);
}
