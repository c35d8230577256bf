import { describe, expect, it } from 'vitest';
import { contains, containsExcept } from './prefix.ts';

describe('a prefix', () => {
  it('holds the addresses of its network, first and last included', () => {
    expect(contains('10.0.1.0/24', '10.0.1.0')).toBe(true);
    expect(contains('10.0.1.0/24', '10.0.1.255')).toBe(true);
    expect(contains('10.0.1.0/24', '10.0.2.0')).toBe(false);
    expect(contains('fd00::/64', 'fd00::ffff:ffff:ffff:ffff')).toBe(true);
    expect(contains('fd00::/64', 'fd00:0:0:1::')).toBe(false);
  });

  it('of odd lengths ends inside a byte', () => {
    expect(contains('10.0.0.0/9', '10.127.255.255')).toBe(true);
    expect(contains('10.0.0.0/9', '10.128.0.0')).toBe(false);
    expect(contains('fd00::/127', 'fd00::1')).toBe(true);
    expect(contains('fd00::/127', 'fd00::2')).toBe(false);
  });

  it('ignores bits beyond its length', () => {
    expect(contains('10.0.1.77/24', '10.0.1.3')).toBe(true);
  });

  it('of length 0 holds its own family alone', () => {
    expect(contains('0.0.0.0/0', '203.0.113.7')).toBe(true);
    expect(contains('0.0.0.0/0', 'fd00::1')).toBe(false);
    expect(contains('::/0', 'fd00::1')).toBe(true);
    expect(contains('::/0', '203.0.113.7')).toBe(false);
  });

  it('without length is one address', () => {
    expect(contains('10.0.0.1', '10.0.0.1')).toBe(true);
    expect(contains('10.0.0.1', '10.0.0.2')).toBe(false);
    expect(contains('fd00::1', 'fd00::1')).toBe(true);
    expect(contains('fd00::1', 'fd00::2')).toBe(false);
  });

  it('does not hold what its exceptions hold', () => {
    expect(containsExcept('10.0.0.0/8', ['10.1.0.0/16', '10.2.0.0/16'], '10.2.3.4')).toBe(false);
    expect(containsExcept('10.0.0.0/8', ['10.1.0.0/16', '10.2.0.0/16'], '10.3.3.4')).toBe(true);
    expect(containsExcept('10.0.0.0/8', [], '11.0.0.1')).toBe(false);
  });

  it('that is none is refused', () => {
    expect(() => contains('nonsense/8', '10.0.0.1')).toThrow(RangeError);
    expect(() => contains('10.0.0.0/8', 'nonsense')).toThrow(RangeError);
  });
});
