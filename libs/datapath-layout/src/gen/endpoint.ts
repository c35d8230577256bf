// Generated from bpf/include/types/endpoint.h by tools/codec-gen: change the header, then "npm run generate".
import type { Codec } from '../codec.ts';

/** `enum zone`. Zones: where a packet came in (design D1). Endpoint slots are 1 … ZONE_NODE - 1, node slots ZONE_NODE + n. */
export const zone = {
  ZONE_NODE: 32768,
  ZONE_NATIVE: 65534,
  ZONE_HOST: 65535,
} as const;
export type Zone = (typeof zone)[keyof typeof zone];
/** Names by value. */
export const zoneNames: Readonly<Record<number, keyof typeof zone>> = {
  32768: 'ZONE_NODE',
  65534: 'ZONE_NATIVE',
  65535: 'ZONE_HOST',
};

/** `enum endpoint_flags`. */
export const endpointFlags = {
  ENDPOINT_HAS_IPV4: 1,
  ENDPOINT_HAS_IPV6: 2,
  /** its policy is in the maps; without it every packet drops with 203 (design D6) */
  ENDPOINT_READY: 4,
  ENDPOINT_AUDIT: 8,
} as const;
export type EndpointFlags = (typeof endpointFlags)[keyof typeof endpointFlags];
/** Names by value. */
export const endpointFlagsNames: Readonly<Record<number, keyof typeof endpointFlags>> = {
  1: 'ENDPOINT_HAS_IPV4',
  2: 'ENDPOINT_HAS_IPV6',
  4: 'ENDPOINT_READY',
  8: 'ENDPOINT_AUDIT',
};

export const ENDPOINTS = 4096;
export const INTERFACES = 65536;

/** `struct endpoint`. Map `endpoints`: array by slot (1 … ENDPOINTS - 1). One cache line. */
export interface Endpoint {
  /** raised after every change of this entry, never lowered, not even when the slot is given again (design D2) */
  readonly epoch: number;
  /** node side of the veth pair; 0: slot not in use */
  readonly ifindex: number;
  /** read together with `subject`, as one 64-bit word */
  readonly identity: number;
  /** index into `subjects` */
  readonly subject: number;
  readonly ipv4: number;
  /** the pod's */
  readonly mac: Uint8Array;
  /** of the node side: what the pod sees as its gateway's */
  readonly nodeMac: Uint8Array;
  /** enum endpoint_flags */
  readonly flags: number;
  readonly ipv6: Uint8Array;
}
/** Layout of `struct endpoint`: 64 bytes. */
export const endpointCodec = {
  size: 64,
  offsets: {
    epoch: 0,
    ifindex: 4,
    identity: 8,
    subject: 12,
    ipv4: 16,
    mac: 20,
    nodeMac: 26,
    flags: 32,
    ipv6: 40,
  },
  read(buffer: Buffer, offset = 0): Endpoint {
    return {
      epoch: buffer.readUInt32LE(offset),
      ifindex: buffer.readUInt32LE(offset + 4),
      identity: buffer.readUInt32LE(offset + 8),
      subject: buffer.readUInt32LE(offset + 12),
      ipv4: buffer.readUInt32BE(offset + 16),
      mac: new Uint8Array(buffer.subarray(offset + 20, offset + 20 + 6)),
      nodeMac: new Uint8Array(buffer.subarray(offset + 26, offset + 26 + 6)),
      flags: buffer.readUInt32LE(offset + 32),
      ipv6: new Uint8Array(buffer.subarray(offset + 40, offset + 40 + 16)),
    };
  },
  write(buffer: Buffer, value: Endpoint, offset = 0): void {
    buffer.writeUInt32LE(value.epoch, offset);
    buffer.writeUInt32LE(value.ifindex, offset + 4);
    buffer.writeUInt32LE(value.identity, offset + 8);
    buffer.writeUInt32LE(value.subject, offset + 12);
    buffer.writeUInt32BE(value.ipv4, offset + 16);
    if (value.mac.length !== 6) throw new RangeError(`mac has ${value.mac.length} elements, expected 6`);
    buffer.set(value.mac, offset + 20);
    if (value.nodeMac.length !== 6) throw new RangeError(`nodeMac has ${value.nodeMac.length} elements, expected 6`);
    buffer.set(value.nodeMac, offset + 26);
    buffer.writeUInt32LE(value.flags, offset + 32);
    buffer.fill(0, offset + 36, offset + 40);
    if (value.ipv6.length !== 16) throw new RangeError(`ipv6 has ${value.ipv6.length} elements, expected 16`);
    buffer.set(value.ipv6, offset + 40);
    buffer.fill(0, offset + 56, offset + 64);
  },
  encode(value: Endpoint): Buffer {
    const buffer = Buffer.alloc(64);
    endpointCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Endpoint>;

/** `struct interface`. Map `interfaces`: array by ifindex of the node side of a veth pair (1 … INTERFACES - 1). */
export interface Interface {
  /** 0: none */
  readonly slot: number;
}
/** Layout of `struct interface`: 4 bytes. */
export const interfaceCodec = {
  size: 4,
  offsets: {
    slot: 0,
  },
  read(buffer: Buffer, offset = 0): Interface {
    return {
      slot: buffer.readUInt32LE(offset),
    };
  },
  write(buffer: Buffer, value: Interface, offset = 0): void {
    buffer.writeUInt32LE(value.slot, offset);
  },
  encode(value: Interface): Buffer {
    const buffer = Buffer.alloc(4);
    interfaceCodec.write(buffer, value);
    return buffer;
  },
} as const satisfies Codec<Interface>;
