// Generated from bpf/include/types/service.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** of each family */
export const SERVICE_FRONTENDS = 131072;
export const SERVICE_POOLS = 65536;
export const SERVICE_BACKENDS = 262144;
export const SERVICE_AFFINITIES = 65536;
/** positions */
export const TABLE_BLOCK = 32;

/** `struct frontend4_key`. Maps `frontends_v4`, `frontends_v6` (hash). Port 0 and protocol 0: the address itself, which is told from others by that entry. Every change raises the address' place in `peer_epochs`. */
export interface Frontend4Key {
  readonly address: number;
  readonly port: number;
  /** IPPROTO_TCP, IPPROTO_UDP */
  readonly protocol: number;
}
/** Layout of `struct frontend4_key`: 8 bytes. */
export const frontend4KeyCodec = {
  size: 8,
  offsets: {
    address: 0,
    port: 4,
    protocol: 6,
  },
  read(buffer: Buffer, offset = 0): Frontend4Key {
    return {
      address: buffer.readUInt32BE(offset),
      port: buffer.readUInt16BE(offset + 4),
      protocol: buffer.readUInt8(offset + 6),
    };
  },
  write(buffer: Buffer, value: Frontend4Key, offset = 0): void {
    buffer.writeUInt32BE(value.address, offset);
    buffer.writeUInt16BE(value.port, offset + 4);
    buffer.writeUInt8(value.protocol, offset + 6);
    buffer.fill(0, offset + 7, offset + 8);
  },
  encode(value: Frontend4Key): Buffer {
    const buffer = Buffer.alloc(8);
    frontend4KeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Frontend4Key>;

/** `struct frontend6_key`. */
export interface Frontend6Key {
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
}
/** Layout of `struct frontend6_key`: 20 bytes. */
export const frontend6KeyCodec = {
  size: 20,
  offsets: {
    address: 0,
    port: 16,
    protocol: 18,
  },
  read(buffer: Buffer, offset = 0): Frontend6Key {
    return {
      address: new Uint8Array(buffer.subarray(offset, offset + 16)),
      port: buffer.readUInt16BE(offset + 16),
      protocol: buffer.readUInt8(offset + 18),
    };
  },
  write(buffer: Buffer, value: Frontend6Key, offset = 0): void {
    if (value.address.length !== 16) throw new RangeError(`address has ${value.address.length} elements, expected 16`);
    buffer.set(value.address, offset);
    buffer.writeUInt16BE(value.port, offset + 16);
    buffer.writeUInt8(value.protocol, offset + 18);
    buffer.fill(0, offset + 19, offset + 20);
  },
  encode(value: Frontend6Key): Buffer {
    const buffer = Buffer.alloc(20);
    frontend6KeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Frontend6Key>;

/** `struct frontend`. */
export interface Frontend {
  /** 0: an address */
  readonly pool: number;
}
/** Layout of `struct frontend`: 4 bytes. */
export const frontendCodec = {
  size: 4,
  offsets: {
    pool: 0,
  },
  read(buffer: Buffer, offset = 0): Frontend {
    return {
      pool: buffer.readUInt32LE(offset),
    };
  },
  write(buffer: Buffer, value: Frontend, offset = 0): void {
    buffer.writeUInt32LE(value.pool, offset);
  },
  encode(value: Frontend): Buffer {
    const buffer = Buffer.alloc(4);
    frontendCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Frontend>;

/** `struct service_pool`. Map `service_pools`: array by pool number (1 … SERVICE_POOLS - 1). `first` and `room` are read as one word. */
export interface ServicePool {
  /** row of its slot 0 in `service_backends` */
  readonly first: number;
  /** its rows; every slot is less */
  readonly room: number;
  /** backends that take new flows. 0: refused (158); 1: slot `only`; more: the table says */
  readonly usable: number;
  /** of its table */
  readonly positions: number;
  /** 0: none */
  readonly affinitySeconds: number;
  readonly only: number;
}
/** Layout of `struct service_pool`: 24 bytes. */
export const servicePoolCodec = {
  size: 24,
  offsets: {
    first: 0,
    room: 4,
    usable: 8,
    positions: 12,
    affinitySeconds: 16,
    only: 20,
  },
  read(buffer: Buffer, offset = 0): ServicePool {
    return {
      first: buffer.readUInt32LE(offset),
      room: buffer.readUInt32LE(offset + 4),
      usable: buffer.readUInt32LE(offset + 8),
      positions: buffer.readUInt32LE(offset + 12),
      affinitySeconds: buffer.readUInt32LE(offset + 16),
      only: buffer.readUInt16LE(offset + 20),
    };
  },
  write(buffer: Buffer, value: ServicePool, offset = 0): void {
    buffer.writeUInt32LE(value.first, offset);
    buffer.writeUInt32LE(value.room, offset + 4);
    buffer.writeUInt32LE(value.usable, offset + 8);
    buffer.writeUInt32LE(value.positions, offset + 12);
    buffer.writeUInt32LE(value.affinitySeconds, offset + 16);
    buffer.writeUInt16LE(value.only, offset + 20);
    buffer.fill(0, offset + 22, offset + 24);
  },
  encode(value: ServicePool): Buffer {
    const buffer = Buffer.alloc(24);
    servicePoolCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<ServicePool>;

/** `struct table_block`. Map `service_tables`: array of maps by pool number, each an array of blocks: the slot at each position (Maglev). */
export interface TableBlock {
  /** TABLE_BLOCK */
  readonly slots: readonly number[];
}
/** Layout of `struct table_block`: 64 bytes. */
export const tableBlockCodec = {
  size: 64,
  offsets: {
    slots: 0,
  },
  read(buffer: Buffer, offset = 0): TableBlock {
    return {
      slots: Array.from({ length: 32 }, (_, index) => buffer.readUInt16LE(offset + index * 2)),
    };
  },
  write(buffer: Buffer, value: TableBlock, offset = 0): void {
    if (value.slots.length !== 32) throw new RangeError(`slots has ${value.slots.length} elements, expected 32`);
    value.slots.forEach((element, index) => {
      buffer.writeUInt16LE(element, offset + index * 2);
    });
  },
  encode(value: TableBlock): Buffer {
    const buffer = Buffer.alloc(64);
    tableBlockCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<TableBlock>;

/** `enum backend_state`. */
export const backendState = {
  BACKEND_NONE: 0,
  BACKEND_READY: 1,
  /** takes new flows where none is ready */
  BACKEND_TERMINATING: 2,
  /** keeps those it has */
  BACKEND_UNREADY: 3,
} as const;
export type BackendState = (typeof backendState)[keyof typeof backendState];
/** Names by value. */
export const backendStateNames: Readonly<Record<number, keyof typeof backendState>> = {
  0: 'BACKEND_NONE',
  1: 'BACKEND_READY',
  2: 'BACKEND_TERMINATING',
  3: 'BACKEND_UNREADY',
};

/** `struct service_backend`. Map `service_backends`: array by row. IPv4 behind ::ffff:. */
export interface ServiceBackend {
  readonly address: Uint8Array;
  readonly port: number;
  /** enum backend_state */
  readonly state: number;
  /** whose row it is: a look-up that was half done when the row changed hands notices */
  readonly pool: number;
}
/** Layout of `struct service_backend`: 24 bytes. */
export const serviceBackendCodec = {
  size: 24,
  offsets: {
    address: 0,
    port: 16,
    state: 18,
    pool: 20,
  },
  read(buffer: Buffer, offset = 0): ServiceBackend {
    return {
      address: new Uint8Array(buffer.subarray(offset, offset + 16)),
      port: buffer.readUInt16BE(offset + 16),
      state: buffer.readUInt8(offset + 18),
      pool: buffer.readUInt32LE(offset + 20),
    };
  },
  write(buffer: Buffer, value: ServiceBackend, offset = 0): void {
    if (value.address.length !== 16) throw new RangeError(`address has ${value.address.length} elements, expected 16`);
    buffer.set(value.address, offset);
    buffer.writeUInt16BE(value.port, offset + 16);
    buffer.writeUInt8(value.state, offset + 18);
    buffer.fill(0, offset + 19, offset + 20);
    buffer.writeUInt32LE(value.pool, offset + 20);
  },
  encode(value: ServiceBackend): Buffer {
    const buffer = Buffer.alloc(24);
    serviceBackendCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<ServiceBackend>;

/** `struct pool_member_key`. Map `pool_members` (hash): the same backends by what flows know of theirs. There: flows that have it keep it. */
export interface PoolMemberKey {
  readonly pool: number;
  readonly port: number;
  readonly address: Uint8Array;
}
/** Layout of `struct pool_member_key`: 24 bytes. */
export const poolMemberKeyCodec = {
  size: 24,
  offsets: {
    pool: 0,
    port: 4,
    address: 8,
  },
  read(buffer: Buffer, offset = 0): PoolMemberKey {
    return {
      pool: buffer.readUInt32LE(offset),
      port: buffer.readUInt16BE(offset + 4),
      address: new Uint8Array(buffer.subarray(offset + 8, offset + 8 + 16)),
    };
  },
  write(buffer: Buffer, value: PoolMemberKey, offset = 0): void {
    buffer.writeUInt32LE(value.pool, offset);
    buffer.writeUInt16BE(value.port, offset + 4);
    buffer.fill(0, offset + 6, offset + 8);
    if (value.address.length !== 16) throw new RangeError(`address has ${value.address.length} elements, expected 16`);
    buffer.set(value.address, offset + 8);
  },
  encode(value: PoolMemberKey): Buffer {
    const buffer = Buffer.alloc(24);
    poolMemberKeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<PoolMemberKey>;

/** `struct pool_member`. */
export interface PoolMember {
  /** in `service_backends` */
  readonly row: number;
}
/** Layout of `struct pool_member`: 4 bytes. */
export const poolMemberCodec = {
  size: 4,
  offsets: {
    row: 0,
  },
  read(buffer: Buffer, offset = 0): PoolMember {
    return {
      row: buffer.readUInt32LE(offset),
    };
  },
  write(buffer: Buffer, value: PoolMember, offset = 0): void {
    buffer.writeUInt32LE(value.row, offset);
  },
  encode(value: PoolMember): Buffer {
    const buffer = Buffer.alloc(4);
    poolMemberCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<PoolMember>;

/** `struct service_state`. Map `service_state`: array of one. */
export interface ServiceState {
  /** of the hash that chooses positions; the cluster's: all nodes choose alike */
  readonly seed: bigint;
  readonly seedToo: bigint;
  /** not 0 after a start: the last writer was interrupted, and tables may be half done */
  readonly isWriting: number;
}
/** Layout of `struct service_state`: 24 bytes. */
export const serviceStateCodec = {
  size: 24,
  offsets: {
    seed: 0,
    seedToo: 8,
    isWriting: 16,
  },
  read(buffer: Buffer, offset = 0): ServiceState {
    return {
      seed: buffer.readBigUInt64LE(offset),
      seedToo: buffer.readBigUInt64LE(offset + 8),
      isWriting: buffer.readUInt32LE(offset + 16),
    };
  },
  write(buffer: Buffer, value: ServiceState, offset = 0): void {
    buffer.writeBigUInt64LE(value.seed, offset);
    buffer.writeBigUInt64LE(value.seedToo, offset + 8);
    buffer.writeUInt32LE(value.isWriting, offset + 16);
    buffer.fill(0, offset + 20, offset + 24);
  },
  encode(value: ServiceState): Buffer {
    const buffer = Buffer.alloc(24);
    serviceStateCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<ServiceState>;

/** `struct affinity_key`. Map `affinities` (least recently used): where a client's last new flow to a pool with affinity went. Written by the programs only. */
export interface AffinityKey {
  readonly pool: number;
  readonly client: Uint8Array;
}
/** Layout of `struct affinity_key`: 20 bytes. */
export const affinityKeyCodec = {
  size: 20,
  offsets: {
    pool: 0,
    client: 4,
  },
  read(buffer: Buffer, offset = 0): AffinityKey {
    return {
      pool: buffer.readUInt32LE(offset),
      client: new Uint8Array(buffer.subarray(offset + 4, offset + 4 + 16)),
    };
  },
  write(buffer: Buffer, value: AffinityKey, offset = 0): void {
    buffer.writeUInt32LE(value.pool, offset);
    if (value.client.length !== 16) throw new RangeError(`client has ${value.client.length} elements, expected 16`);
    buffer.set(value.client, offset + 4);
  },
  encode(value: AffinityKey): Buffer {
    const buffer = Buffer.alloc(20);
    affinityKeyCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<AffinityKey>;

/** `struct affinity`. */
export interface Affinity {
  /** CLOCK_BOOTTIME */
  readonly lastNs: bigint;
  readonly address: Uint8Array;
  readonly port: number;
}
/** Layout of `struct affinity`: 32 bytes. */
export const affinityCodec = {
  size: 32,
  offsets: {
    lastNs: 0,
    address: 8,
    port: 24,
  },
  read(buffer: Buffer, offset = 0): Affinity {
    return {
      lastNs: buffer.readBigUInt64LE(offset),
      address: new Uint8Array(buffer.subarray(offset + 8, offset + 8 + 16)),
      port: buffer.readUInt16BE(offset + 24),
    };
  },
  write(buffer: Buffer, value: Affinity, offset = 0): void {
    buffer.writeBigUInt64LE(value.lastNs, offset);
    if (value.address.length !== 16) throw new RangeError(`address has ${value.address.length} elements, expected 16`);
    buffer.set(value.address, offset + 8);
    buffer.writeUInt16BE(value.port, offset + 24);
    buffer.fill(0, offset + 26, offset + 32);
  },
  encode(value: Affinity): Buffer {
    const buffer = Buffer.alloc(32);
    affinityCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Affinity>;
