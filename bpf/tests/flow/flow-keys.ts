import { flowKey4Codec, flowKey6Codec } from '@myelin/datapath-layout';
import { type Family, keySizes } from './bucket-dump.ts';

/** One direction of a flow. Addresses are small numbers: host `n` is 10.0.0.n or fd00::n. */
export interface Key {
  readonly from: number;
  readonly to: number;
  readonly fromPort: number;
  readonly toPort: number;
  readonly zone: number;
  readonly protocol: number;
}

export const tcp = 6;
export const udp = 17;

/** The key's bytes, as the programs make them from a packet. */
export function encodeKey(key: Key, family: Family): Buffer {
  const rest = { sourcePort: key.fromPort, destinationPort: key.toPort, zone: key.zone, protocol: key.protocol };
  if (family === 4) return flowKey4Codec.encode({ source: 0x0a000000 + key.from, destination: 0x0a000000 + key.to, ...rest });
  return flowKey6Codec.encode({ source: address6(key.from), destination: address6(key.to), ...rest });
}

/** The other direction's key: `target` is the zone that its packets come in by. */
export function reverseKey(key: Key, target: number): Key {
  return { from: key.to, to: key.from, fromPort: key.toPort, toPort: key.fromPort, zone: target, protocol: key.protocol };
}

/** Room for a key of either family. */
export const keyRoom = keySizes[6];

function address6(host: number): Uint8Array {
  const address = Buffer.alloc(16);
  address[0] = 0xfd;
  address.writeUInt16BE(host, 14);
  return address;
}
