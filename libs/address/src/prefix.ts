import { type Address, AddressError, addressOf, compareAddresses, type Family, formatAddress, parseAddress } from './address.ts';

/**
 * All addresses of one family that share their first `bits` bits (0–32 for IPv4, 0–128 for IPv6). `value` is the 16-byte form of its
 * first address; `::/0` does not contain IPv4. Frozen.
 */
export interface Prefix {
  readonly family: Family;
  readonly value: bigint;
  readonly bits: number;
}

/** What to do with bits set behind the prefix length, as in 10.1.2.3/8: Kubernetes and Cilium mask them. */
export interface PrefixOptions {
  readonly hostBits: 'mask' | 'refuse';
}

const width = { 4: 32, 6: 128 } as const;

const hostMask = (family: Family, bits: number): bigint => (1n << BigInt(width[family] - bits)) - 1n;

/** The prefix of `bits` bits that holds an address. Throws RangeError for a length its family does not have. */
export function prefixOf(of: Address, bits: number = width[of.family]): Prefix {
  if (!Number.isInteger(bits) || bits < 0 || bits > width[of.family])
    throw new RangeError(`/${bits} is no length of an IPv${of.family} prefix`);
  const mask = hostMask(of.family, bits);
  return Object.freeze({ family: of.family, value: of.value & ~mask, bits });
}

/** Reads `address/length`. Null for anything else, a length out of range included. */
export function parsePrefix(text: string, { hostBits }: PrefixOptions = { hostBits: 'mask' }): Prefix | null {
  const slash = text.indexOf('/');
  const length = text.slice(slash + 1);
  const parsed = slash < 0 ? null : parseAddress(text.slice(0, slash));
  if (parsed === null || !/^(0|[1-9]\d{0,2})$/.test(length)) return null;
  // An IPv4-mapped prefix is written with IPv6 lengths: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
  const mapped = parsed.family === 4 && text.includes(':');
  const bits = Number(length) - (mapped ? 96 : 0);
  if (bits < 0 || bits > width[parsed.family]) return null;
  const result = prefixOf(parsed, bits);
  return hostBits === 'refuse' && result.value !== parsed.value ? null : result;
}

/** The prefix of a literal that is known to be one. Throws AddressError. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new AddressError(`"${text}" is not an IP prefix`);
  return parsed;
}

/** Canonical text: first address (RFC 5952), slash, length. */
export function formatPrefix(of: Prefix): string {
  return `${formatAddress(firstAddress(of))}/${of.bits}`;
}

/** Length of the prefix in the 16-byte form: IPv4 lengths are 96 greater. */
export function bitsOf16Bytes(of: Prefix): number {
  return of.family === 4 ? of.bits + 96 : of.bits;
}

/** Whether an address, or every address of a prefix, lies in `outer`. */
export function contains(outer: Prefix, inner: Address | Prefix): boolean {
  if (outer.family !== inner.family) return false;
  if ('bits' in inner && inner.bits < outer.bits) return false;
  return (inner.value & ~hostMask(outer.family, outer.bits)) === outer.value;
}

/** Whether two prefixes share an address: then one contains the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** Total order: IPv4 before IPv6, then by first address, a covering prefix before what it covers. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(a, b) || a.bits - b.bits;
}

/** How many addresses the prefix has. */
export function sizeOf(of: Prefix): bigint {
  return hostMask(of.family, of.bits) + 1n;
}

/** The address `index` places after the first one; null behind the prefix's end. */
export function nthAddress(of: Prefix, index: bigint | number): Address | null {
  const offset = BigInt(index);
  return offset < 0n || offset >= sizeOf(of) ? null : addressOf(of.value + offset);
}

/** Lowest address of the prefix. */
export function firstAddress(of: Prefix): Address {
  return addressOf(of.value);
}

/** Highest address of the prefix. */
export function lastAddress(of: Prefix): Address {
  return addressOf(of.value + sizeOf(of) - 1n);
}
