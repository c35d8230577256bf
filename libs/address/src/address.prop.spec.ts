import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { addressOf, compareAddresses, formatAddress, fromBytes, parseAddress, toBytes } from './address.ts';
import { contains, formatPrefix, parsePrefix, prefixOf } from './prefix.ts';

// Zeros and IPv4-mapped numbers must be as likely as all others.
const addresses = fc
  .oneof(
    fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 }),
    fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff })).map(([a, b]) => [0, 0, 0, 0, 0, 0xffff, a, b]),
  )
  .map((groups) => addressOf(groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)));

describe('addresses beside ipaddr.js', () => {
  it('are written as ipaddr.js writes them and read back as the same', () => {
    fc.assert(
      fc.property(addresses, (one) => {
        const text = formatAddress(one);
        expect(text).toBe(ipaddr.process(ipaddr.fromByteArray([...toBytes(one)]).toString()).toString());
        expect(parseAddress(text)).toEqual(one);
        expect(fromBytes(toBytes(one))).toEqual(one);
      }),
    );
  });

  it('lie in the prefixes that ipaddr.js says', () => {
    fc.assert(
      fc.property(addresses, addresses, fc.nat(128), fc.boolean(), (a, b, length, near) => {
        const bits = Math.min(length, b.family === 4 ? 32 : 128);
        const outer = prefixOf(b, bits);
        const inner = near ? addressOf(outer.value | (a.value & ((1n << BigInt((b.family === 4 ? 32 : 128) - bits)) - 1n))) : a;
        const [theirs, network] = [ipaddr.process(formatAddress(inner)), ipaddr.process(formatAddress(b))];
        expect(contains(outer, inner)).toBe(theirs.kind() === network.kind() && theirs.match(network as never, bits));
        expect(parsePrefix(formatPrefix(outer), { hostBits: 'refuse' })).toEqual(outer);
      }),
    );
  });

  it('are totally ordered', () => {
    fc.assert(
      fc.property(addresses, addresses, addresses, (a, b, c) => {
        expect(Math.sign(compareAddresses(a, b))).toBe(-Math.sign(compareAddresses(b, a)) + 0);
        if (compareAddresses(a, b) <= 0 && compareAddresses(b, c) <= 0) expect(compareAddresses(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
