import { addressBytes, checksum } from './bytes.ts';

export const protocols = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  icmpv6: 58,
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  none: 59,
  destinationOptions: 60,
  sctp: 132,
} as const;

/** What an IP header says; what isn't given is as an ordinary sender has it. */
export interface Ip {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** TTL or hop limit. Default 64. */
  readonly hops?: number;
  /** Overrides what the length field says. */
  readonly length?: number;
  /** Overrides the version. */
  readonly version?: number;
}

export interface Ipv4 extends Ip {
  /** Header length in words, overriding the true one. */
  readonly words?: number;
  /** Flags and fragment offset as they stand in the header. Default: don't fragment. */
  readonly fragment?: number;
  /** Options, padded to whole words by the caller. */
  readonly options?: Uint8Array;
}

/** An IPv4 packet with a right checksum. */
export function ipv4(ip: Ipv4, payload: Uint8Array): Buffer {
  const options = ip.options ?? new Uint8Array(0);
  const header = Buffer.alloc(20 + options.length);
  header[0] = ((ip.version ?? 4) << 4) | (ip.words ?? header.length / 4);
  header.writeUInt16BE(ip.length ?? header.length + payload.length, 2);
  header.writeUInt16BE(ip.fragment ?? 0x4000, 6);
  header[8] = ip.hops ?? 64;
  header[9] = ip.protocol;
  addressBytes(ip.source).copy(header, 12);
  addressBytes(ip.destination).copy(header, 16);
  header.set(options, 20);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

/** An IPv6 packet. */
export function ipv6(ip: Ip, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(40);
  header[0] = (ip.version ?? 6) << 4;
  header.writeUInt16BE(ip.length ?? payload.length, 4);
  header[6] = ip.protocol;
  header[7] = ip.hops ?? 64;
  addressBytes(ip.source).copy(header, 8);
  addressBytes(ip.destination).copy(header, 24);
  return Buffer.concat([header, payload]);
}

/** An IPv6 extension header of `bytes` (a multiple of eight) in front of what it carries: these options, then padding. */
export function extension(next: number, payload: Uint8Array, bytes = 8, options: Uint8Array = new Uint8Array(0)): Buffer {
  const header = Buffer.alloc(bytes);
  header[0] = next;
  header[1] = bytes / 8 - 1;
  header.set(options, 2);
  const padding = bytes - 2 - options.length;
  if (padding > 1) header.set([1, padding - 2], 2 + options.length);
  return Buffer.concat([header, payload]);
}
