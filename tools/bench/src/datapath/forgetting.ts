import { type FlowEntry4, flowBucket4Codec } from '@myelin/datapath-layout';
import type { BenchNode } from './node.ts';

/** Where the table has entries of a flow: bucket and way. */
export interface FlowPlace {
  readonly bucket: number;
  readonly way: number;
}

/** Finds the entries of both directions of the IPv4 flow with these ports; ports that no other flow has. */
export async function findFlow(node: BenchNode, sourcePort: number, destinationPort: number): Promise<readonly FlowPlace[]> {
  const isOurs = ({ key }: FlowEntry4) =>
    (key.sourcePort === sourcePort && key.destinationPort === destinationPort) ||
    (key.sourcePort === destinationPort && key.destinationPort === sourcePort);
  const map = node.map('flows_v4');
  const places: FlowPlace[] = [];
  for await (const { count, keys, values } of map.batches({ lock: true })) {
    for (let at = 0; at < count; at++) {
      const bytes = values.subarray(at * flowBucket4Codec.size, (at + 1) * flowBucket4Codec.size);
      const tags = bytes.readBigUInt64LE(flowBucket4Codec.offsets.ways);
      if (tags === 0n) continue;
      const { way0, ways } = flowBucket4Codec.read(bytes);
      [way0, ...ways.map(({ entry }) => entry)].forEach((entry, way) => {
        if (isOurs(entry)) places.push({ bucket: keys.readUInt32LE(at * 4), way });
      });
    }
  }
  return places;
}

/** Runs `packet`, and says at which places of an array map it left something: on any CPU, where each has its own. Empties the map first. */
export async function findTraces(
  node: BenchNode,
  name: 'decisions' | 'denials',
  packet: () => Promise<unknown>,
): Promise<readonly number[]> {
  const map = node.map(name);
  const zero = Buffer.alloc(map.info.userValueSize);
  const keys = Array.from({ length: map.info.maxEntries }, (_, index) => {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(index);
    return key;
  });
  for (const key of keys) map.update(key, zero);
  await packet();
  return keys.flatMap((key, index) => (map.lookup(key)!.equals(zero) ? [] : [index]));
}
