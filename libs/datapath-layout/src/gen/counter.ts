// Generated from bpf/include/types/counter.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** `enum forward_class`. Map `counters`: per-CPU array. Index: direction × 256 + reason for drops (enum drop_reason), direction × 256 + enum forward_class for the others, and BY_FLOW_ENTRY more where the flow table knew the packet: one count tells both. */
export const forwardClass = {
  FORWARD_TO_ENDPOINT: 1,
  FORWARD_TO_STACK: 2,
  FORWARD_TO_HOST: 3,
  /** ARP and neighbour discovery, by the program itself */
  ANSWERED: 4,
  /** harmless link-local chatter (MLD, router solicitation): not policed, not passed on */
  CONSUMED: 5,
  /** by the tunnel to another node */
  FORWARD_TO_NODE: 6,
} as const;
export type ForwardClass = (typeof forwardClass)[keyof typeof forwardClass];
/** Names by value. */
export const forwardClassNames: Readonly<Record<number, keyof typeof forwardClass>> = {
  1: 'FORWARD_TO_ENDPOINT',
  2: 'FORWARD_TO_STACK',
  3: 'FORWARD_TO_HOST',
  4: 'ANSWERED',
  5: 'CONSUMED',
  6: 'FORWARD_TO_NODE',
};

export const BY_FLOW_ENTRY = 64;

/** `enum side_counter`. Not packets: beyond 3 × 256. */
export const sideCounter = {
  COUNTER_EVENTS_SENT: 768,
  COUNTER_EVENTS_LOST: 769,
  COUNTER_FLOW_STALE: 771,
  COUNTER_FLOW_INSERT: 772,
  COUNTER_DECISION_HIT: 773,
  COUNTER_DECISION_MISS: 774,
  COUNTERS: 1024,
} as const;
export type SideCounter = (typeof sideCounter)[keyof typeof sideCounter];
/** Names by value. */
export const sideCounterNames: Readonly<Record<number, keyof typeof sideCounter>> = {
  768: 'COUNTER_EVENTS_SENT',
  769: 'COUNTER_EVENTS_LOST',
  771: 'COUNTER_FLOW_STALE',
  772: 'COUNTER_FLOW_INSERT',
  773: 'COUNTER_DECISION_HIT',
  774: 'COUNTER_DECISION_MISS',
  1024: 'COUNTERS',
};

/** `struct counter`. */
export interface Counter {
  readonly packets: bigint;
  readonly bytes: bigint;
}
/** Layout of `struct counter`: 16 bytes. */
export const counterCodec = {
  size: 16,
  offsets: {
    packets: 0,
    bytes: 8,
  },
  read(buffer: Buffer, offset = 0): Counter {
    return {
      packets: buffer.readBigUInt64LE(offset),
      bytes: buffer.readBigUInt64LE(offset + 8),
    };
  },
  write(buffer: Buffer, value: Counter, offset = 0): void {
    buffer.writeBigUInt64LE(value.packets, offset);
    buffer.writeBigUInt64LE(value.bytes, offset + 8);
  },
  encode(value: Counter): Buffer {
    const buffer = Buffer.alloc(16);
    counterCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Counter>;
