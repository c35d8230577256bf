import { describe, expect, it } from 'vitest';
import { address, addressOf, compareAddresses, formatAddress, fromBytes, parseAddress, toBytes } from './address.ts';

describe('an address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1', 4],
    ['255.255.255.255', '255.255.255.255', 4],
    ['::ffff:10.0.0.1', '10.0.0.1', 4],
    ['::ffff:a00:1', '10.0.0.1', 4],
    ['::', '::', 6],
    ['::1', '::1', 6],
    ['1::', '1::', 6],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1', 6],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 6],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', 6],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221', 6],
  ])('reads %s and writes it as %s', (text, canonical, family) => {
    expect(formatAddress(address(text))).toBe(canonical);
    expect(address(text).family).toBe(family);
  });

  it.each(['', '10.1', '010.0.0.1', '10.0.0.256', '0x0a000001', '10.0.0.1 ', 'fe80::1%eth0', '1::2::3', '10.0.0.0/8', ':::'])(
    'refuses %j',
    (text) => {
      expect(parseAddress(text)).toBeNull();
      expect(() => address(text)).toThrow('is not an IP address');
    },
  );

  it('is frozen and bounded', () => {
    expect(Object.isFrozen(address('::1'))).toBe(true);
    expect(() => addressOf(-1n)).toThrow(RangeError);
    expect(() => addressOf(1n << 128n)).toThrow(RangeError);
  });

  it('has a 16-byte form for both families and a 4-byte form for IPv4 only', () => {
    expect([...toBytes(address('10.1.2.3'))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3]);
    expect([...toBytes(address('10.1.2.3'), 4)]).toEqual([10, 1, 2, 3]);
    expect(fromBytes(new Uint8Array([10, 1, 2, 3]))).toEqual(address('10.1.2.3'));
    expect(() => toBytes(address('::1'), 4)).toThrow(RangeError);
    expect(() => fromBytes(new Uint8Array(5))).toThrow(RangeError);
  });

  it('sorts IPv4 before IPv6 and then by number', () => {
    const sorted = ['9.0.0.0', '10.0.0.0', '::', '::1', 'ff::'];
    expect(sorted.toReversed().map(address).sort(compareAddresses).map(formatAddress)).toEqual(sorted);
  });
});
