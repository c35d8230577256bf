import { isIP } from 'node:net';

/** 4 or 6. */
export type Family = 4 | 6;

/**
 * One IP address. `value` is the 128-bit number of the 16-byte form that streams and kernel maps use: IPv4 as ::ffff:a.b.c.d.
 * So `::ffff:10.0.0.1` and `10.0.0.1` are the same address, of family 4. Frozen.
 */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** Text that was expected to be an address or a prefix and is not: thrown only by `address()` and `prefix()`, which take literals. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

const mappedHigh = 0xffffn;
const maximum = (1n << 128n) - 1n;

/** The address of a 128-bit number (16-byte form). Throws RangeError outside 0 … 2^128-1. */
export function addressOf(value: bigint): Address {
  if (value < 0n || value > maximum) throw new RangeError(`${value} is not a 128-bit number`);
  return Object.freeze({ family: value >> 32n === mappedHigh ? 4 : 6, value });
}

function ipv4Value(text: string): bigint {
  const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number];
  return BigInt(a * 0x1000000 + b * 0x10000 + c * 0x100 + d);
}

/** Groups of one side of `::`, an IPv4 tail as two of them. */
function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const tail = Number(ipv4Value(group));
    return [Math.floor(tail / 0x10000), tail % 0x10000];
  });
}

function ipv6Value(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return BigInt(`0x${all.map((group) => group.toString(16).padStart(4, '0')).join('')}`);
}

/** Reads an address as the kernel does: dotted quads without leading zeros, IPv6 without a zone. Null for anything else. */
export function parseAddress(text: string): Address | null {
  // isIP lets a zone pass (fe80::1%eth0): a zone means something on one machine only.
  const family = text.includes('%') ? 0 : isIP(text);
  if (family === 4) return addressOf((mappedHigh << 32n) | ipv4Value(text));
  return family === 6 ? addressOf(ipv6Value(text)) : null;
}

/** The address of a literal that is known to be one. Throws AddressError. */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new AddressError(`"${text}" is not an IP address`);
  return parsed;
}

function groupsOf(value: bigint): number[] {
  const result: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) result.push(Number((value >> shift) & 0xffffn));
  return result;
}

/** Start and length of the longest run of zero groups, the first of equals; RFC 5952 shortens runs of two and more only. */
function longestZeroRun(all: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && all[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
    if (end > start) start = end;
  }
  return best;
}

/** RFC 5952 text of an IPv6 address, dotted quad of an IPv4 one. */
export function formatAddress({ family, value }: Address): string {
  const all = groupsOf(value);
  if (family === 4) {
    const [high, low] = [all[6]!, all[7]!];
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  const { start, length } = longestZeroRun(all);
  return start < 0 ? text(all) : `${text(all.slice(0, start))}::${text(all.slice(start + length))}`;
}

/** Total order: IPv4 before IPv6, then by number. Negative, 0 or positive. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** Network byte order; `length` 16 is the form of maps and streams, 4 the IPv4 packet's (throws RangeError for an IPv6 address). */
export function toBytes(of: Address, length: 4 | 16 = 16): Uint8Array {
  if (length === 4 && of.family !== 4) throw new RangeError(`${formatAddress(of)} has no 4-byte form`);
  const bytes = new Uint8Array(length);
  let rest = of.value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Reads 4 bytes (IPv4) or 16 (either family) in network byte order. Throws RangeError for another length. */
export function fromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  let value = bytes.length === 4 ? mappedHigh : 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return addressOf(value);
}
