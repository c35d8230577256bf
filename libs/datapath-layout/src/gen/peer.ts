// Generated from bpf/include/types/peer.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** `enum reserved_identity`. Reserved identities (semantics: labels and identities). */
export const reservedIdentity = {
  IDENTITY_UNKNOWN: 0,
  IDENTITY_HOST: 1,
  IDENTITY_WORLD: 2,
  IDENTITY_REMOTE_NODE: 6,
  IDENTITY_WORLD_IPV4: 9,
  IDENTITY_WORLD_IPV6: 10,
  IDENTITY_CLUSTER_FIRST: 256,
  /** node-local: prefixes */
  IDENTITY_LOCAL_FIRST: 16777216,
} as const;
export type ReservedIdentity = (typeof reservedIdentity)[keyof typeof reservedIdentity];
/** Names by value. */
export const reservedIdentityNames: Readonly<Record<number, keyof typeof reservedIdentity>> = {
  0: 'IDENTITY_UNKNOWN',
  1: 'IDENTITY_HOST',
  2: 'IDENTITY_WORLD',
  6: 'IDENTITY_REMOTE_NODE',
  9: 'IDENTITY_WORLD_IPV4',
  10: 'IDENTITY_WORLD_IPV6',
  256: 'IDENTITY_CLUSTER_FIRST',
  16777216: 'IDENTITY_LOCAL_FIRST',
};

/** `struct peer`. Maps `addresses_v4` (hash, key __be32) and `addresses_v6` (hash, key __u8[16]): endpoints of all nodes, and nodes. */
export interface Peer {
  readonly identity: number;
  /** local endpoint; 0: elsewhere */
  readonly slot: number;
  /** slot of the node to which a tunnel leads there (types/node.h); 0: this node, or routed without a tunnel */
  readonly node: number;
}
/** Layout of `struct peer`: 8 bytes. */
export const peerCodec = {
  size: 8,
  offsets: {
    identity: 0,
    slot: 4,
    node: 6,
  },
  read(buffer: Buffer, offset = 0): Peer {
    return {
      identity: buffer.readUInt32LE(offset),
      slot: buffer.readUInt16LE(offset + 4),
      node: buffer.readUInt16LE(offset + 6),
    };
  },
  write(buffer: Buffer, value: Peer, offset = 0): void {
    buffer.writeUInt32LE(value.identity, offset);
    buffer.writeUInt16LE(value.slot, offset + 4);
    buffer.writeUInt16LE(value.node, offset + 6);
  },
  encode(value: Peer): Buffer {
    const buffer = Buffer.alloc(8);
    peerCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Peer>;

/** `struct prefix4_key`. */
export interface Prefix4Key {
  readonly prefixLength: number;
  readonly address: number;
}
/** Layout of `struct prefix4_key`: 8 bytes. */
export const prefix4KeyCodec = {
  size: 8,
  offsets: {
    prefixLength: 0,
    address: 4,
  },
  read(buffer: Buffer, offset = 0): Prefix4Key {
    return {
      prefixLength: buffer.readUInt32LE(offset),
      address: buffer.readUInt32BE(offset + 4),
    };
  },
  write(buffer: Buffer, value: Prefix4Key, offset = 0): void {
    buffer.writeUInt32LE(value.prefixLength, offset);
    buffer.writeUInt32BE(value.address, offset + 4);
  },
  encode(value: Prefix4Key): Buffer {
    const buffer = Buffer.alloc(8);
    prefix4KeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Prefix4Key>;

/** `struct prefix6_key`. */
export interface Prefix6Key {
  readonly prefixLength: number;
  readonly address: Uint8Array;
}
/** Layout of `struct prefix6_key`: 20 bytes. */
export const prefix6KeyCodec = {
  size: 20,
  offsets: {
    prefixLength: 0,
    address: 4,
  },
  read(buffer: Buffer, offset = 0): Prefix6Key {
    return {
      prefixLength: buffer.readUInt32LE(offset),
      address: new Uint8Array(buffer.subarray(offset + 4, offset + 4 + 16)),
    };
  },
  write(buffer: Buffer, value: Prefix6Key, offset = 0): void {
    buffer.writeUInt32LE(value.prefixLength, offset);
    if (value.address.length !== 16) throw new RangeError(`address has ${value.address.length} elements, expected 16`);
    buffer.set(value.address, offset + 4);
  },
  encode(value: Prefix6Key): Buffer {
    const buffer = Buffer.alloc(20);
    prefix6KeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Prefix6Key>;

/** `struct prefix`. Maps `prefixes_v4`, `prefixes_v6` (longest prefix match). `identity`: of addresses that no endpoint or node has; IDENTITY_UNKNOWN inside the cluster's own ranges (design D4). `peer_class`: number of the longest policy prefix that covers the entry; it also classes addresses of endpoints and nodes (Kubernetes' ipBlock goes by address); 0: none. */
export interface Prefix {
  readonly identity: number;
  readonly peerClass: number;
}
/** Layout of `struct prefix`: 8 bytes. */
export const prefixCodec = {
  size: 8,
  offsets: {
    identity: 0,
    peerClass: 4,
  },
  read(buffer: Buffer, offset = 0): Prefix {
    return {
      identity: buffer.readUInt32LE(offset),
      peerClass: buffer.readUInt32LE(offset + 4),
    };
  },
  write(buffer: Buffer, value: Prefix, offset = 0): void {
    buffer.writeUInt32LE(value.identity, offset);
    buffer.writeUInt32LE(value.peerClass, offset + 4);
  },
  encode(value: Prefix): Buffer {
    const buffer = Buffer.alloc(8);
    prefixCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Prefix>;
