// Generated from bpf/include/types/flow.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** raised with every change of what is below; in every bucket that ever held an entry */
export const FLOW_LAYOUT = 2;
export const FLOW_WAYS = 8;
/** defaults; the loader may choose any power of two up to 2^24, and sets `flow_mask4`, `flow_mask6` to it less one */
export const FLOW_BUCKETS_V4 = 32768;
export const FLOW_BUCKETS_V6 = 8192;
export const FLOW_SEEDS = 6;
/** endpoint slots; 0: flows of no endpoint */
export const FLOW_OWNERS = 4096;

/** `struct flow_key4`. One direction of a flow as its packets show it. `zone`: where they come in (design D1, enum zone). ICMP and ICMPv6 echo: request {identifier, 0}, answer {0, identifier}, so that only the answer to a request is its reverse. `pad` is zero. */
export interface FlowKey4 {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly zone: number;
  readonly protocol: number;
}
/** Layout of `struct flow_key4`: 16 bytes. */
export const flowKey4Codec = {
  size: 16,
  offsets: {
    source: 0,
    destination: 4,
    sourcePort: 8,
    destinationPort: 10,
    zone: 12,
    protocol: 14,
  },
  read(buffer: Buffer, offset = 0): FlowKey4 {
    return {
      source: buffer.readUInt32BE(offset),
      destination: buffer.readUInt32BE(offset + 4),
      sourcePort: buffer.readUInt16BE(offset + 8),
      destinationPort: buffer.readUInt16BE(offset + 10),
      zone: buffer.readUInt16LE(offset + 12),
      protocol: buffer.readUInt8(offset + 14),
    };
  },
  write(buffer: Buffer, value: FlowKey4, offset = 0): void {
    buffer.writeUInt32BE(value.source, offset);
    buffer.writeUInt32BE(value.destination, offset + 4);
    buffer.writeUInt16BE(value.sourcePort, offset + 8);
    buffer.writeUInt16BE(value.destinationPort, offset + 10);
    buffer.writeUInt16LE(value.zone, offset + 12);
    buffer.writeUInt8(value.protocol, offset + 14);
    buffer.fill(0, offset + 15, offset + 16);
  },
  encode(value: FlowKey4): Buffer {
    const buffer = Buffer.alloc(16);
    flowKey4Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowKey4>;

/** `struct flow_key6`. */
export interface FlowKey6 {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly zone: number;
  readonly protocol: number;
}
/** Layout of `struct flow_key6`: 40 bytes. */
export const flowKey6Codec = {
  size: 40,
  offsets: {
    source: 0,
    destination: 16,
    sourcePort: 32,
    destinationPort: 34,
    zone: 36,
    protocol: 38,
  },
  read(buffer: Buffer, offset = 0): FlowKey6 {
    return {
      source: new Uint8Array(buffer.subarray(offset, offset + 16)),
      destination: new Uint8Array(buffer.subarray(offset + 16, offset + 16 + 16)),
      sourcePort: buffer.readUInt16BE(offset + 32),
      destinationPort: buffer.readUInt16BE(offset + 34),
      zone: buffer.readUInt16LE(offset + 36),
      protocol: buffer.readUInt8(offset + 38),
    };
  },
  write(buffer: Buffer, value: FlowKey6, offset = 0): void {
    if (value.source.length !== 16) throw new RangeError(`source has ${value.source.length} elements, expected 16`);
    buffer.set(value.source, offset);
    if (value.destination.length !== 16) throw new RangeError(`destination has ${value.destination.length} elements, expected 16`);
    buffer.set(value.destination, offset + 16);
    buffer.writeUInt16BE(value.sourcePort, offset + 32);
    buffer.writeUInt16BE(value.destinationPort, offset + 34);
    buffer.writeUInt16LE(value.zone, offset + 36);
    buffer.writeUInt8(value.protocol, offset + 38);
    buffer.fill(0, offset + 39, offset + 40);
  },
  encode(value: FlowKey6): Buffer {
    const buffer = Buffer.alloc(40);
    flowKey6Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowKey6>;

/** `enum flow_class`. Worth of an entry: what is lower gives way to what is higher. Also the index into `flow_lifetimes`. */
export const flowClass = {
  FLOW_EMPTY: 0,
  /** its packets drop */
  FLOW_NEGATIVE: 1,
  /** TCP: reset, or finished by both ends */
  FLOW_CLOSING: 2,
  /** TCP: began with a SYN, not yet answered and acknowledged */
  FLOW_HALF_OPEN: 3,
  /** other protocols, and TCP picked up midway: the same */
  FLOW_ONE_WAY: 4,
  /** the opener spoke again after an answer */
  FLOW_ESTABLISHED: 5,
  FLOW_ESTABLISHED_TCP: 6,
  FLOW_CLASSES: 8,
} as const;
export type FlowClass = (typeof flowClass)[keyof typeof flowClass];
/** Names by value. */
export const flowClassNames: Readonly<Record<number, keyof typeof flowClass>> = {
  0: 'FLOW_EMPTY',
  1: 'FLOW_NEGATIVE',
  2: 'FLOW_CLOSING',
  3: 'FLOW_HALF_OPEN',
  4: 'FLOW_ONE_WAY',
  5: 'FLOW_ESTABLISHED',
  6: 'FLOW_ESTABLISHED_TCP',
  8: 'FLOW_CLASSES',
};

/** `enum flow_flags`. */
export const flowFlags = {
  /** packets of this entry answer those of the original direction */
  FLOW_REPLY: 1,
  /** errors about another flow; decided with it */
  FLOW_RELATED: 2,
  /** charged to endpoint `target`, else to endpoint `zone` */
  FLOW_TARGET_OWNS: 4,
  /** lies in its second bucket */
  FLOW_GUEST: 8,
  /** TCP: FIN seen in this direction */
  FLOW_FINISHED: 16,
  /** and in the other */
  FLOW_OTHER_FINISHED: 32,
  /** a reply has been seen */
  FLOW_ANSWERED: 64,
  /** negative: decided at the destination (enum direction INGRESS), else at the source */
  FLOW_AT_INGRESS: 128,
} as const;
export type FlowFlags = (typeof flowFlags)[keyof typeof flowFlags];
/** Names by value. */
export const flowFlagsNames: Readonly<Record<number, keyof typeof flowFlags>> = {
  1: 'FLOW_REPLY',
  2: 'FLOW_RELATED',
  4: 'FLOW_TARGET_OWNS',
  8: 'FLOW_GUEST',
  16: 'FLOW_FINISHED',
  32: 'FLOW_OTHER_FINISHED',
  64: 'FLOW_ANSWERED',
  128: 'FLOW_AT_INGRESS',
};

/** `struct flow_action`. What to do with a packet of this entry, and since when that is known. */
export interface FlowAction {
  /** negative: enum drop_reason in the low byte, and of a flow to a service whom it would have gone to; else what packets become: flow/translate.h; 0: nothing else */
  readonly rewrite: bigint;
  /** the node's clock sampled before the decision's first read (design D2) */
  readonly decided: number;
  /** of the end that is no local endpoint; 0 where both are */
  readonly identity: number;
  /** negative: of the decision; else of the egress one */
  readonly origin: number;
  /** zone of the other end: endpoint slot to deliver to, else the stack's business. The reply's key has it as its zone */
  readonly target: number;
  /** enum flow_flags */
  readonly flags: number;
  /** enum flow_class */
  readonly class: number;
}
/** Layout of `struct flow_action`: 24 bytes. */
export const flowActionCodec = {
  size: 24,
  offsets: {
    rewrite: 0,
    decided: 8,
    identity: 12,
    origin: 16,
    target: 20,
    flags: 22,
    class: 23,
  },
  read(buffer: Buffer, offset = 0): FlowAction {
    return {
      rewrite: buffer.readBigUInt64LE(offset),
      decided: buffer.readUInt32LE(offset + 8),
      identity: buffer.readUInt32LE(offset + 12),
      origin: buffer.readUInt32LE(offset + 16),
      target: buffer.readUInt16LE(offset + 20),
      flags: buffer.readUInt8(offset + 22),
      class: buffer.readUInt8(offset + 23),
    };
  },
  write(buffer: Buffer, value: FlowAction, offset = 0): void {
    buffer.writeBigUInt64LE(value.rewrite, offset);
    buffer.writeUInt32LE(value.decided, offset + 8);
    buffer.writeUInt32LE(value.identity, offset + 12);
    buffer.writeUInt32LE(value.origin, offset + 16);
    buffer.writeUInt16LE(value.target, offset + 20);
    buffer.writeUInt8(value.flags, offset + 22);
    buffer.writeUInt8(value.class, offset + 23);
  },
  encode(value: FlowAction): Buffer {
    const buffer = Buffer.alloc(24);
    flowActionCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowAction>;

/** `struct flow_state`. */
export interface FlowState {
  /** odd while it changes */
  readonly version: number;
  /** ticks: jiffies >> flow_tick_shift */
  readonly lastSeen: number;
  /** packets << 40 | bytes since the last harvest */
  readonly counter: bigint;
  readonly action: FlowAction;
}
/** Layout of `struct flow_state`: 40 bytes. */
export const flowStateCodec = {
  size: 40,
  offsets: {
    version: 0,
    lastSeen: 4,
    counter: 8,
    action: 16,
  },
  read(buffer: Buffer, offset = 0): FlowState {
    return {
      version: buffer.readUInt32LE(offset),
      lastSeen: buffer.readUInt32LE(offset + 4),
      counter: buffer.readBigUInt64LE(offset + 8),
      action: flowActionCodec.read(buffer, offset + 16),
    };
  },
  write(buffer: Buffer, value: FlowState, offset = 0): void {
    buffer.writeUInt32LE(value.version, offset);
    buffer.writeUInt32LE(value.lastSeen, offset + 4);
    buffer.writeBigUInt64LE(value.counter, offset + 8);
    flowActionCodec.write(buffer, value.action, offset + 16);
  },
  encode(value: FlowState): Buffer {
    const buffer = Buffer.alloc(40);
    flowStateCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowState>;

export const FLOW_PACKETS_SHIFT = 40;

/** `struct flow_entry4`. */
export interface FlowEntry4 {
  readonly state: FlowState;
  readonly key: FlowKey4;
}
/** Layout of `struct flow_entry4`: 56 bytes. */
export const flowEntry4Codec = {
  size: 56,
  offsets: {
    state: 0,
    key: 40,
  },
  read(buffer: Buffer, offset = 0): FlowEntry4 {
    return {
      state: flowStateCodec.read(buffer, offset),
      key: flowKey4Codec.read(buffer, offset + 40),
    };
  },
  write(buffer: Buffer, value: FlowEntry4, offset = 0): void {
    flowStateCodec.write(buffer, value.state, offset);
    flowKey4Codec.write(buffer, value.key, offset + 40);
  },
  encode(value: FlowEntry4): Buffer {
    const buffer = Buffer.alloc(56);
    flowEntry4Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowEntry4>;

/** `struct flow_entry6`. */
export interface FlowEntry6 {
  readonly state: FlowState;
  readonly key: FlowKey6;
  readonly rewriteAddress: Uint8Array;
}
/** Layout of `struct flow_entry6`: 112 bytes. */
export const flowEntry6Codec = {
  size: 112,
  offsets: {
    state: 0,
    key: 40,
    rewriteAddress: 80,
  },
  read(buffer: Buffer, offset = 0): FlowEntry6 {
    return {
      state: flowStateCodec.read(buffer, offset),
      key: flowKey6Codec.read(buffer, offset + 40),
      rewriteAddress: new Uint8Array(buffer.subarray(offset + 80, offset + 80 + 16)),
    };
  },
  write(buffer: Buffer, value: FlowEntry6, offset = 0): void {
    flowStateCodec.write(buffer, value.state, offset);
    flowKey6Codec.write(buffer, value.key, offset + 40);
    if (value.rewriteAddress.length !== 16) throw new RangeError(`rewriteAddress has ${value.rewriteAddress.length} elements, expected 16`);
    buffer.set(value.rewriteAddress, offset + 80);
    buffer.fill(0, offset + 96, offset + 112);
  },
  encode(value: FlowEntry6): Buffer {
    const buffer = Buffer.alloc(112);
    flowEntry6Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowEntry6>;

/** `struct flow_way4`. A way begins with eight bytes of its bucket's: way 1: tags, one byte each, 0 = empty; ways 2 … 5: ingress origins of two ways each (way w: bytes 4 (w mod 2) of way 2 + w / 2). */
export interface FlowWay4 {
  readonly head: bigint;
  readonly entry: FlowEntry4;
}
/** Layout of `struct flow_way4`: 64 bytes. */
export const flowWay4Codec = {
  size: 64,
  offsets: {
    head: 0,
    entry: 8,
  },
  read(buffer: Buffer, offset = 0): FlowWay4 {
    return {
      head: buffer.readBigUInt64LE(offset),
      entry: flowEntry4Codec.read(buffer, offset + 8),
    };
  },
  write(buffer: Buffer, value: FlowWay4, offset = 0): void {
    buffer.writeBigUInt64LE(value.head, offset);
    flowEntry4Codec.write(buffer, value.entry, offset + 8);
  },
  encode(value: FlowWay4): Buffer {
    const buffer = Buffer.alloc(64);
    flowWay4Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowWay4>;

/** `struct flow_way6`. */
export interface FlowWay6 {
  readonly head: bigint;
  readonly entry: FlowEntry6;
}
/** Layout of `struct flow_way6`: 128 bytes. */
export const flowWay6Codec = {
  size: 128,
  offsets: {
    head: 0,
    entry: 8,
  },
  read(buffer: Buffer, offset = 0): FlowWay6 {
    return {
      head: buffer.readBigUInt64LE(offset),
      entry: flowEntry6Codec.read(buffer, offset + 8),
    };
  },
  write(buffer: Buffer, value: FlowWay6, offset = 0): void {
    buffer.writeBigUInt64LE(value.head, offset);
    flowEntry6Codec.write(buffer, value.entry, offset + 8);
    buffer.fill(0, offset + 120, offset + 128);
  },
  encode(value: FlowWay6): Buffer {
    const buffer = Buffer.alloc(128);
    flowWay6Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowWay6>;

/** `struct flow_bucket4`. Value of map `flows_v4`: 512 bytes, a way in each cache line. */
export interface FlowBucket4 {
  /** entries at home here that lie in their second bucket; 65535 sticks */
  readonly guests: number;
  readonly layout: number;
  readonly way0: FlowEntry4;
  readonly ways: readonly FlowWay4[];
}
/** Layout of `struct flow_bucket4`: 512 bytes. */
export const flowBucket4Codec = {
  size: 512,
  offsets: {
    guests: 4,
    layout: 6,
    way0: 8,
    ways: 64,
  },
  read(buffer: Buffer, offset = 0): FlowBucket4 {
    return {
      guests: buffer.readUInt16LE(offset + 4),
      layout: buffer.readUInt16LE(offset + 6),
      way0: flowEntry4Codec.read(buffer, offset + 8),
      ways: Array.from({ length: 7 }, (_, index) => flowWay4Codec.read(buffer, offset + 64 + index * 64)),
    };
  },
  write(buffer: Buffer, value: FlowBucket4, offset = 0): void {
    buffer.fill(0, offset, offset + 4);
    buffer.writeUInt16LE(value.guests, offset + 4);
    buffer.writeUInt16LE(value.layout, offset + 6);
    flowEntry4Codec.write(buffer, value.way0, offset + 8);
    if (value.ways.length !== 7) throw new RangeError(`ways has ${value.ways.length} elements, expected 7`);
    value.ways.forEach((element, index) => {
      flowWay4Codec.write(buffer, element, offset + 64 + index * 64);
    });
  },
  encode(value: FlowBucket4): Buffer {
    const buffer = Buffer.alloc(512);
    flowBucket4Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowBucket4>;

/** `struct flow_bucket6`. Value of map `flows_v6`: 1,024 bytes, a way in two cache lines. */
export interface FlowBucket6 {
  readonly guests: number;
  readonly layout: number;
  readonly way0: FlowEntry6;
  readonly ways: readonly FlowWay6[];
}
/** Layout of `struct flow_bucket6`: 1024 bytes. */
export const flowBucket6Codec = {
  size: 1024,
  offsets: {
    guests: 4,
    layout: 6,
    way0: 8,
    ways: 128,
  },
  read(buffer: Buffer, offset = 0): FlowBucket6 {
    return {
      guests: buffer.readUInt16LE(offset + 4),
      layout: buffer.readUInt16LE(offset + 6),
      way0: flowEntry6Codec.read(buffer, offset + 8),
      ways: Array.from({ length: 7 }, (_, index) => flowWay6Codec.read(buffer, offset + 128 + index * 128)),
    };
  },
  write(buffer: Buffer, value: FlowBucket6, offset = 0): void {
    buffer.fill(0, offset, offset + 4);
    buffer.writeUInt16LE(value.guests, offset + 4);
    buffer.writeUInt16LE(value.layout, offset + 6);
    flowEntry6Codec.write(buffer, value.way0, offset + 8);
    buffer.fill(0, offset + 120, offset + 128);
    if (value.ways.length !== 7) throw new RangeError(`ways has ${value.ways.length} elements, expected 7`);
    value.ways.forEach((element, index) => {
      flowWay6Codec.write(buffer, element, offset + 128 + index * 128);
    });
  },
  encode(value: FlowBucket6): Buffer {
    const buffer = Buffer.alloc(1024);
    flowBucket6Codec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowBucket6>;

/** `struct flow_share`. Map `flow_shares`: array of one. How many entries each endpoint has, counted under the entries' locks. */
export interface FlowShare {
  /** half-open and one-way */
  readonly young: number;
  readonly established: number;
}
/** Layout of `struct flow_share`: 8 bytes. */
export const flowShareCodec = {
  size: 8,
  offsets: {
    young: 0,
    established: 4,
  },
  read(buffer: Buffer, offset = 0): FlowShare {
    return {
      young: buffer.readUInt32LE(offset),
      established: buffer.readUInt32LE(offset + 4),
    };
  },
  write(buffer: Buffer, value: FlowShare, offset = 0): void {
    buffer.writeUInt32LE(value.young, offset);
    buffer.writeUInt32LE(value.established, offset + 4);
  },
  encode(value: FlowShare): Buffer {
    const buffer = Buffer.alloc(8);
    flowShareCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowShare>;

/** `struct flow_shares`. */
export interface FlowShares {
  readonly owners: readonly FlowShare[];
}
/** Layout of `struct flow_shares`: 32768 bytes. */
export const flowSharesCodec = {
  size: 32768,
  offsets: {
    owners: 0,
  },
  read(buffer: Buffer, offset = 0): FlowShares {
    return {
      owners: Array.from({ length: 4096 }, (_, index) => flowShareCodec.read(buffer, offset + index * 8)),
    };
  },
  write(buffer: Buffer, value: FlowShares, offset = 0): void {
    if (value.owners.length !== 4096) throw new RangeError(`owners has ${value.owners.length} elements, expected 4096`);
    value.owners.forEach((element, index) => {
      flowShareCodec.write(buffer, element, offset + index * 8);
    });
  },
  encode(value: FlowShares): Buffer {
    const buffer = Buffer.alloc(32768);
    flowSharesCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<FlowShares>;
