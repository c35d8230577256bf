// Generated from bpf/include/types/repeats.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';
import { eventCodec, type Event } from './event.ts';

export const REPEATS_WAYS = 4;
/** a power of two */
export const REPEATS_SETS = 2048;
/** a power of two */
export const REPEATS_LANES = 16;
/** denied flows of one pod and direction that have a record of their own in a tick: a hundred pods' fill the ring buffer */
export const REPEATS_ALLOWANCE = 256;

/** `struct repeats_key`. Drops that are told together: of one pod, in one direction, for one reason; as far as lanes go, of one flow. All zero: nobody's (reason 0). */
export interface RepeatsKey {
  /** of the pod at whose interface they came */
  readonly slot: number;
  /** enum direction: at which end they were decided */
  readonly direction: number;
  /** enum drop_reason */
  readonly reason: number;
  /** by addresses, protocol and destination port; a pod that makes them up can't have more records a tick than there are lanes */
  readonly lane: number;
}
/** Layout of `struct repeats_key`: 8 bytes. */
export const repeatsKeyCodec = {
  size: 8,
  offsets: {
    slot: 0,
    direction: 2,
    reason: 3,
    lane: 4,
  },
  read(buffer: Buffer, offset = 0): RepeatsKey {
    return {
      slot: buffer.readUInt16LE(offset),
      direction: buffer.readUInt8(offset + 2),
      reason: buffer.readUInt8(offset + 3),
      lane: buffer.readUInt32LE(offset + 4),
    };
  },
  write(buffer: Buffer, value: RepeatsKey, offset = 0): void {
    buffer.writeUInt16LE(value.slot, offset);
    buffer.writeUInt8(value.direction, offset + 2);
    buffer.writeUInt8(value.reason, offset + 3);
    buffer.writeUInt32LE(value.lane, offset + 4);
  },
  encode(value: RepeatsKey): Buffer {
    const buffer = Buffer.alloc(8);
    repeatsKeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<RepeatsKey>;

/** `struct repeats`. Map `repeats`: array of REPEATS_SETS × REPEATS_WAYS, the ways of a set side by side. Two cache lines. */
export interface Repeats {
  /** of the last record, or of the first drop that has none: flow_now() */
  readonly tick: number;
  readonly key: RepeatsKey;
  /** like all that were counted since the last record; how many, and their bytes, in `packets` and `bytes` */
  readonly first: Event;
}
/** Layout of `struct repeats`: 128 bytes. */
export const repeatsCodec = {
  size: 128,
  offsets: {
    tick: 4,
    key: 8,
    first: 16,
  },
  read(buffer: Buffer, offset = 0): Repeats {
    return {
      tick: buffer.readUInt32LE(offset + 4),
      key: repeatsKeyCodec.read(buffer, offset + 8),
      first: eventCodec.read(buffer, offset + 16),
    };
  },
  write(buffer: Buffer, value: Repeats, offset = 0): void {
    buffer.fill(0, offset, offset + 4);
    buffer.writeUInt32LE(value.tick, offset + 4);
    repeatsKeyCodec.write(buffer, value.key, offset + 8);
    eventCodec.write(buffer, value.first, offset + 16);
  },
  encode(value: Repeats): Buffer {
    const buffer = Buffer.alloc(128);
    repeatsCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Repeats>;
