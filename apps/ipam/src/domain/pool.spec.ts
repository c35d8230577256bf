import { formatPrefix, prefix } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { formatPool, nextFreeBlock, type Pool, parsePool } from './pool.ts';

const pool = (text: string): Pool => (parsePool(text) as { value: Pool }).value;
const next = (of: string, ...taken: string[]) => {
  const block = nextFreeBlock(pool(of), taken.map(prefix));
  return block === null ? null : formatPrefix(block);
};

describe('the next free block', () => {
  it.each([
    ['is the first one of an empty pool', '10.244.0.0/16:24', [], '10.244.0.0/24'],
    ['skips blocks that are taken, in whatever order they come', '10.244.0.0/16:24', ['10.244.1.0/24', '10.244.0.0/24'], '10.244.2.0/24'],
    ['fills a gap', '10.244.0.0/16:24', ['10.244.0.0/24', '10.244.2.0/24'], '10.244.1.0/24'],
    ['avoids a part of itself that is taken', '10.244.0.0/16:24', ['10.244.0.128/25'], '10.244.1.0/24'],
    ['goes behind a larger range that is taken', '10.244.0.0/16:24', ['10.244.0.0/18'], '10.244.64.0/24'],
    ['is not kept from by ranges outside the pool', '10.244.0.0/16:24', ['10.0.0.0/12', '10.245.0.0/16', 'fd00::/8'], '10.244.0.0/24'],
    ['counts a range that begins before the pool and reaches into it', '10.244.0.0/16:24', ['10.240.0.0/12'], null],
    ['ends with the pool', '10.244.0.0/23:24', ['10.244.0.0/24', '10.244.1.0/24'], null],
    ['ends with the IPv4 addresses', '255.255.255.0/24:24', ['255.255.255.0/24'], null],
    ['ends with the IPv6 addresses', 'ffff:ffff::/32:32', ['ffff:ffff::/32'], null],
    ['is found in a pool of IPv6', 'fd00:10:244::/48:64', ['fd00:10:244::/64', 'fd00:10:244:1::/64'], 'fd00:10:244:2::/64'],
  ])('%s', (_name, of, taken, expected) => expect(next(of, ...taken)).toBe(expected));
});

describe('a pool', () => {
  it.each(['10.244.0.0/16:24', 'fd00:10:244::/48:64', '10.0.0.0/24:24'])('reads %s', (text) => expect(formatPool(pool(text))).toBe(text));

  it.each([
    '10.244.0.0/16',
    '10.244.0.0:24',
    '10.244.0.1/16:24',
    '10.244.0.0/16:15',
    '10.244.0.0/16:31',
    'fd00::/48:127',
    '10.244.0.0/33:33',
    'fd00::/48',
    '',
  ])('refuses %j and says what is expected', (text) => expect(parsePool(text)).toEqual({ expected: expect.stringMatching(/blocks/) }));
});
