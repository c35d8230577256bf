// Generated from bpf/include/types/event.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** `enum event_type`. */
export const eventType = {
  /** a new flow was let through */
  EVENT_VERDICT: 1,
  /** and `repeats` more since the last record: of the same flow where that has an entry, else of the same pod and reason (types/repeats.h) */
  EVENT_DROP: 2,
  /** a flow ended; packets and bytes of the direction named */
  EVENT_CLOSE: 3,
} as const;
export type EventType = (typeof eventType)[keyof typeof eventType];
/** Names by value. */
export const eventTypeNames: Readonly<Record<number, keyof typeof eventType>> = {
  1: 'EVENT_VERDICT',
  2: 'EVENT_DROP',
  3: 'EVENT_CLOSE',
};

/** `enum event_reply`. Whether the packet answers others of its flow. */
export const eventReply = {
  EVENT_REPLY_NO: 0,
  EVENT_REPLY_YES: 1,
  /** dropped before its flow was looked for */
  EVENT_REPLY_UNKNOWN: 2,
} as const;
export type EventReply = (typeof eventReply)[keyof typeof eventReply];
/** Names by value. */
export const eventReplyNames: Readonly<Record<number, keyof typeof eventReply>> = {
  0: 'EVENT_REPLY_NO',
  1: 'EVENT_REPLY_YES',
  2: 'EVENT_REPLY_UNKNOWN',
};

/** `struct event`. */
export interface Event {
  /** CLOCK_BOOTTIME, to a jiffy: records that a processor makes in one jiffy all have the time of the first */
  readonly timeNs: bigint;
  readonly packets: bigint;
  readonly bytes: bigint;
  /** IPv4 as ::ffff:a.b.c.d */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** ICMP: type */
  readonly sourcePort: number;
  /** ICMP: code */
  readonly destinationPort: number;
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  /** who decided at the source; 0: not isolated or not asked */
  readonly egressOrigin: number;
  readonly ingressOrigin: number;
  readonly ifindex: number;
  readonly length: number;
  readonly repeats: number;
  readonly sourceZone: number;
  readonly destinationZone: number;
  /** enum event_type */
  readonly type: number;
  /** enum verdict */
  readonly verdict: number;
  /** enum drop_reason */
  readonly reason: number;
  /** enum direction: at which end a drop was decided */
  readonly direction: number;
  /** 4, 6; 0: neither */
  readonly family: number;
  /** IPPROTO_* */
  readonly protocol: number;
  readonly tcpFlags: number;
  /** enum event_reply */
  readonly reply: number;
  readonly sourceMac: Uint8Array;
  readonly destinationMac: Uint8Array;
}
/** Layout of `struct event`: 112 bytes. */
export const eventCodec = {
  size: 112,
  offsets: {
    timeNs: 0,
    packets: 8,
    bytes: 16,
    source: 24,
    destination: 40,
    sourcePort: 56,
    destinationPort: 58,
    sourceIdentity: 60,
    destinationIdentity: 64,
    egressOrigin: 68,
    ingressOrigin: 72,
    ifindex: 76,
    length: 80,
    repeats: 84,
    sourceZone: 88,
    destinationZone: 90,
    type: 92,
    verdict: 93,
    reason: 94,
    direction: 95,
    family: 96,
    protocol: 97,
    tcpFlags: 98,
    reply: 99,
    sourceMac: 100,
    destinationMac: 106,
  },
  read(buffer: Buffer, offset = 0): Event {
    return {
      timeNs: buffer.readBigUInt64LE(offset),
      packets: buffer.readBigUInt64LE(offset + 8),
      bytes: buffer.readBigUInt64LE(offset + 16),
      source: new Uint8Array(buffer.subarray(offset + 24, offset + 24 + 16)),
      destination: new Uint8Array(buffer.subarray(offset + 40, offset + 40 + 16)),
      sourcePort: buffer.readUInt16BE(offset + 56),
      destinationPort: buffer.readUInt16BE(offset + 58),
      sourceIdentity: buffer.readUInt32LE(offset + 60),
      destinationIdentity: buffer.readUInt32LE(offset + 64),
      egressOrigin: buffer.readUInt32LE(offset + 68),
      ingressOrigin: buffer.readUInt32LE(offset + 72),
      ifindex: buffer.readUInt32LE(offset + 76),
      length: buffer.readUInt32LE(offset + 80),
      repeats: buffer.readUInt32LE(offset + 84),
      sourceZone: buffer.readUInt16LE(offset + 88),
      destinationZone: buffer.readUInt16LE(offset + 90),
      type: buffer.readUInt8(offset + 92),
      verdict: buffer.readUInt8(offset + 93),
      reason: buffer.readUInt8(offset + 94),
      direction: buffer.readUInt8(offset + 95),
      family: buffer.readUInt8(offset + 96),
      protocol: buffer.readUInt8(offset + 97),
      tcpFlags: buffer.readUInt8(offset + 98),
      reply: buffer.readUInt8(offset + 99),
      sourceMac: new Uint8Array(buffer.subarray(offset + 100, offset + 100 + 6)),
      destinationMac: new Uint8Array(buffer.subarray(offset + 106, offset + 106 + 6)),
    };
  },
  write(buffer: Buffer, value: Event, offset = 0): void {
    buffer.writeBigUInt64LE(value.timeNs, offset);
    buffer.writeBigUInt64LE(value.packets, offset + 8);
    buffer.writeBigUInt64LE(value.bytes, offset + 16);
    if (value.source.length !== 16) throw new RangeError(`source has ${value.source.length} elements, expected 16`);
    buffer.set(value.source, offset + 24);
    if (value.destination.length !== 16) throw new RangeError(`destination has ${value.destination.length} elements, expected 16`);
    buffer.set(value.destination, offset + 40);
    buffer.writeUInt16BE(value.sourcePort, offset + 56);
    buffer.writeUInt16BE(value.destinationPort, offset + 58);
    buffer.writeUInt32LE(value.sourceIdentity, offset + 60);
    buffer.writeUInt32LE(value.destinationIdentity, offset + 64);
    buffer.writeUInt32LE(value.egressOrigin, offset + 68);
    buffer.writeUInt32LE(value.ingressOrigin, offset + 72);
    buffer.writeUInt32LE(value.ifindex, offset + 76);
    buffer.writeUInt32LE(value.length, offset + 80);
    buffer.writeUInt32LE(value.repeats, offset + 84);
    buffer.writeUInt16LE(value.sourceZone, offset + 88);
    buffer.writeUInt16LE(value.destinationZone, offset + 90);
    buffer.writeUInt8(value.type, offset + 92);
    buffer.writeUInt8(value.verdict, offset + 93);
    buffer.writeUInt8(value.reason, offset + 94);
    buffer.writeUInt8(value.direction, offset + 95);
    buffer.writeUInt8(value.family, offset + 96);
    buffer.writeUInt8(value.protocol, offset + 97);
    buffer.writeUInt8(value.tcpFlags, offset + 98);
    buffer.writeUInt8(value.reply, offset + 99);
    if (value.sourceMac.length !== 6) throw new RangeError(`sourceMac has ${value.sourceMac.length} elements, expected 6`);
    buffer.set(value.sourceMac, offset + 100);
    if (value.destinationMac.length !== 6) throw new RangeError(`destinationMac has ${value.destinationMac.length} elements, expected 6`);
    buffer.set(value.destinationMac, offset + 106);
  },
  encode(value: Event): Buffer {
    const buffer = Buffer.alloc(112);
    eventCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Event>;
