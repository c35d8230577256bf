import { addressOf, contains, overlaps, type Prefix, prefix, prefixOf } from '@myelin/address';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nextFreeBlock } from './pool.ts';

// A /120 pool of IPv4 or IPv6 with blocks down to single addresses: small enough to look at every block there is.
const base = fc.constantFrom(prefix('10.1.2.0/24'), prefix('fd00::1:0/120'));
const cases = base.chain((pool) =>
  fc.record({
    pool: fc.constant(pool),
    extraBits: fc.integer({ min: 0, max: 8 }),
    taken: fc.array(
      fc.record({ offset: fc.integer({ min: -300, max: 600 }), shorter: fc.integer({ min: 0, max: 10 }) }).map(({ offset, shorter }) => {
        const width = pool.family === 4 ? 32 : 128;
        return prefixOf(addressOf(pool.value + BigInt(offset)), width - shorter);
      }),
      { maxLength: 12 },
    ),
  }),
);

function everyBlock(pool: Prefix, bits: number): Prefix[] {
  const size = 1n << BigInt((pool.family === 4 ? 32 : 128) - bits);
  return Array.from({ length: 2 ** (bits - pool.bits) }, (_, i) => prefixOf(addressOf(pool.value + BigInt(i) * size), bits));
}

it('the next free block is the first of all blocks that overlaps nothing', () => {
  fc.assert(
    fc.property(cases, ({ pool, extraBits, taken }) => {
      const blockBits = pool.bits + extraBits;
      const block = nextFreeBlock({ prefix: pool, blockBits }, taken);
      const expected = everyBlock(pool, blockBits).find((candidate) => !taken.some((other) => overlaps(candidate, other)));
      expect(block).toEqual(expected ?? null);
      if (block !== null) expect(contains(pool, block)).toBe(true);
    }),
    { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 20_000 : 1000 },
  );
});
