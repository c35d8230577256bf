import { formatAddress } from '@myelin/address';
import { type Event, eventCodec } from '@myelin/datapath-layout';
import { describe, expect, it } from 'vitest';
import { packetEventOf } from './packet-event.ts';

const event: Event = {
  ...eventCodec.read(Buffer.alloc(eventCodec.size)),
  timeNs: 5n,
  type: 2,
  verdict: 2,
  reason: 133,
  direction: 1,
  family: 4,
  protocol: 6,
  source: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 0, 2),
  sourcePort: 40000,
  destinationPort: 80,
  sourceZone: 3,
  destinationZone: 0xffff,
  ifindex: 7,
  sourceMac: Uint8Array.of(2, 0x50, 0, 0, 0, 1),
};

describe('packetEventOf', () => {
  it('turns numbers and bytes into words and texts', () => {
    const read = packetEventOf(event, 1_000n)!;
    expect(read).toMatchObject({ kind: 'drop', time: 1_005n, direction: 'ingress', family: 4, icmp: null });
    expect(read.source).toMatchObject({ port: 40000, slot: 3, mac: '02:50:00:00:00:01' });
    expect(formatAddress(read.source.address)).toBe('10.1.0.2');
  });
  it('knows slots of endpoints only: zones of the node and of outside are none', () => {
    expect(packetEventOf(event, 0n)!.destination.slot).toBe(0);
  });
  it('reads type and code of an ICMP packet, which has no ports', () => {
    const read = packetEventOf({ ...event, protocol: 1, sourcePort: 8, destinationPort: 0 }, 0n)!;
    expect([read.icmp, read.source.port]).toEqual([{ type: 8, code: 0 }, 0]);
  });
  it('reads no type from what is told of a whole flow: its ports are the key of the flow table', () => {
    expect(packetEventOf({ ...event, type: 3, protocol: 58, sourcePort: 4711, ifindex: 0 }, 0n)!.icmp).toBeNull();
  });
  it('passes over kinds of another version', () => {
    expect(packetEventOf({ ...event, type: 9 }, 0n)).toBeNull();
  });
});
