import { describe, expect, it } from 'vitest';
import { address, formatAddress } from './address.ts';
import {
  bitsOf16Bytes,
  comparePrefixes,
  contains,
  firstAddress,
  formatPrefix,
  lastAddress,
  nthAddress,
  overlaps,
  parsePrefix,
  prefix,
  prefixOf,
  sizeOf,
} from './prefix.ts';

describe('a prefix', () => {
  it('is written with its first address and masks host bits unless told to refuse them', () => {
    expect(formatPrefix(prefix('10.1.2.3/8'))).toBe('10.0.0.0/8');
    expect(parsePrefix('10.1.2.3/8', { hostBits: 'refuse' })).toBeNull();
    expect(parsePrefix('10.0.0.0/8', { hostBits: 'refuse' })).toEqual(prefix('10.0.0.0/8'));
    expect(formatPrefix(prefix('::ffff:10.9.0.0/104'))).toBe('10.0.0.0/8');
  });

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/',
    '/8',
    '10/8',
    '::/0/0',
    'fe80::%1/64',
    '::ffff:1.2.3.4/90',
  ])('refuses %j', (text) => {
    expect(parsePrefix(text)).toBeNull();
    expect(() => prefix(text)).toThrow('is not an IP prefix');
  });

  it('contains addresses and prefixes of its own family only', () => {
    expect(contains(prefix('10.0.0.0/8'), address('10.255.0.1'))).toBe(true);
    expect(contains(prefix('10.0.0.0/8'), address('11.0.0.0'))).toBe(false);
    expect(contains(prefix('::/0'), address('10.0.0.1'))).toBe(false);
    expect(contains(prefix('0.0.0.0/0'), address('::1'))).toBe(false);
    expect(contains(prefix('10.0.0.0/8'), prefix('10.1.0.0/16'))).toBe(true);
    expect(contains(prefix('10.1.0.0/16'), prefix('10.0.0.0/8'))).toBe(false);
    expect(overlaps(prefix('10.1.0.0/16'), prefix('10.0.0.0/8'))).toBe(true);
    expect(overlaps(prefix('10.1.0.0/16'), prefix('10.2.0.0/16'))).toBe(false);
  });

  it('counts its addresses and names each by its place', () => {
    const block = prefix('10.0.1.0/30');
    expect(sizeOf(block)).toBe(4n);
    expect([0, 3, 4, -1].map((n) => nthAddress(block, n)).map((a) => a && formatAddress(a))).toEqual(['10.0.1.0', '10.0.1.3', null, null]);
    expect(formatAddress(firstAddress(prefix('2001:db8::/32')))).toBe('2001:db8::');
    expect(formatAddress(lastAddress(prefix('2001:db8::/32')))).toBe('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff');
  });

  it('has its 16-byte length and a full-length prefix for an address', () => {
    expect([bitsOf16Bytes(prefix('10.0.0.0/8')), bitsOf16Bytes(prefix('2001:db8::/32'))]).toEqual([104, 32]);
    expect(formatPrefix(prefixOf(address('10.0.0.1')))).toBe('10.0.0.1/32');
    expect(() => prefixOf(address('10.0.0.1'), 33)).toThrow(RangeError);
  });

  it('sorts a covering prefix before what it covers', () => {
    const sorted = ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/16', '10.1.0.0/16', '::/0'];
    expect(
      sorted
        .toReversed()
        .map((text) => prefix(text))
        .sort(comparePrefixes)
        .map(formatPrefix),
    ).toEqual(sorted);
  });
});
