import { type BpfMap, perCpuSlots } from '@myelin/bpf-native';
import { BY_FLOW_ENTRY, counterCodec, direction, forwardClassNames, sideCounter } from '@myelin/datapath-layout';
import { indexKey } from './table.ts';

/** What became of packets: `name` is a class of `enum forward_class`, or a drop's reason number. */
export interface PacketCount {
  readonly direction: 'ingress' | 'egress' | 'none';
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** All counters of the node since the maps were made, summed over CPUs. Entries at zero are left out. */
export interface Counters {
  readonly dropped: readonly (PacketCount & { readonly reason: number })[];
  readonly forwarded: readonly (PacketCount & { readonly class: string })[];
  /** Events that programs wanted to send, and how many of them found no room. */
  readonly eventsSent: bigint;
  readonly eventsLost: bigint;
  /** Packets that were forwarded because the flow table knew them. */
  readonly flowHits: bigint;
  readonly flowStale: bigint;
  readonly flowInserts: bigint;
  readonly decisionHits: bigint;
  readonly decisionMisses: bigint;
}

const directions = [
  [direction.DIRECTION_NONE, 'none'],
  [direction.DIRECTION_INGRESS, 'ingress'],
  [direction.DIRECTION_EGRESS, 'egress'],
] as const;
const firstReason = 128;
const perDirection = 256;

interface Sum {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** One counter, summed over CPUs. */
function readCounter(map: BpfMap, index: number): Sum {
  const sum = { packets: 0n, bytes: 0n };
  for (const slot of perCpuSlots(map.lookup(indexKey(index))!, counterCodec.size)) {
    const { packets, bytes } = counterCodec.read(slot);
    sum.packets += packets;
    sum.bytes += bytes;
  }
  return sum;
}

/** Events that found no room in the ring buffer. */
export function readEventsLost(map: BpfMap): bigint {
  return readCounter(map, sideCounter.COUNTER_EVENTS_LOST).packets;
}

function sum(a: Sum, b: Sum): Sum {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

/** Reads map `counters`: its indexes are those of `bpf/include/types/counter.h`. */
export function readCounters(map: BpfMap): Counters {
  const read = (index: number) => readCounter(map, index);
  const dropped: Counters['dropped'][number][] = [];
  const forwarded: Counters['forwarded'][number][] = [];
  let flowHits = 0n;
  for (const [number, name] of directions) {
    for (const [kind, text] of Object.entries(forwardClassNames)) {
      const index = number * perDirection + Number(kind);
      const known = read(index + BY_FLOW_ENTRY);
      const count = sum(read(index), known);
      flowHits += known.packets;
      if (count.packets > 0n) forwarded.push({ class: text, direction: name, ...count });
    }
    for (let reason = firstReason; reason < perDirection; reason++) {
      const count = read(number * perDirection + reason);
      if (count.packets > 0n) dropped.push({ reason, direction: name, ...count });
    }
  }
  return {
    dropped,
    forwarded,
    eventsSent: read(sideCounter.COUNTER_EVENTS_SENT).packets,
    eventsLost: read(sideCounter.COUNTER_EVENTS_LOST).packets,
    flowHits,
    flowStale: read(sideCounter.COUNTER_FLOW_STALE).packets,
    flowInserts: read(sideCounter.COUNTER_FLOW_INSERT).packets,
    decisionHits: read(sideCounter.COUNTER_DECISION_HIT).packets,
    decisionMisses: read(sideCounter.COUNTER_DECISION_MISS).packets,
  };
}
