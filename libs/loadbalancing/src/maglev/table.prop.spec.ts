import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableSizes } from './size.ts';
import { maglevTable, type WeightedBackend } from './table.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 2000 : 40;

const name = fc
  .record({ pod: fc.nat(65535), port: fc.constantFrom(80, 8080) })
  .map(({ pod, port }) => `10.244.${pod >> 8}.${pod & 255}:${port}/TCP`);
const seed = fc.string({ maxLength: 12 });

const backends = (least: number, most: number, weight: fc.Arbitrary<number>): fc.Arbitrary<readonly WeightedBackend[]> =>
  fc.uniqueArray(fc.record({ name, weight }), { minLength: least, maxLength: most, selector: (one) => one.name, size: 'max' });

describe('maglevTable', () => {
  it('depends on the set of backends, not on its order', () => {
    const anyOrder = backends(1, 40, fc.integer({ min: 1, max: 5 })).chain((all) =>
      fc.record({ all: fc.constant(all), shuffled: fc.shuffledSubarray([...all], { minLength: all.length }) }),
    );
    fc.assert(
      fc.property(anyOrder, seed, fc.constantFrom(...tableSizes.slice(0, 5)), ({ all, shuffled }, text, size) => {
        const names = (list: readonly WeightedBackend[]) =>
          Array.from(maglevTable(list, { size, seed: text }), (index) => list[index]!.name);
        expect(names(shuffled)).toEqual(names(all));
      }),
      { numRuns },
    );
  });

  it('gives each its share, rounded down or one more', () => {
    fc.assert(
      fc.property(
        backends(1, 200, fc.integer({ min: 1, max: 65535 })),
        seed,
        fc.constantFrom(...tableSizes.slice(0, 5)),
        (all, text, size) => {
          const counts = new Array<number>(all.length).fill(0);
          for (const index of maglevTable(all, { size, seed: text })) counts[index]!++;
          const total = all.reduce((sum, { weight }) => sum + weight, 0);
          all.forEach(({ weight }, index) => {
            const exact = (size * weight) / total;
            expect(counts[index]).toBeGreaterThanOrEqual(Math.floor(exact));
            expect(counts[index]).toBeLessThanOrEqual(Math.floor(exact) + 1);
          });
        },
      ),
      { numRuns },
    );
  });

  it('moves at most 1 % of what the others of equal weight have when one of 20 to 163 goes, at the default size (M > 100 × backends)', () => {
    const losing = backends(20, 163, fc.constant(1)).chain((all) => fc.record({ all: fc.constant(all), lost: fc.nat(all.length - 1) }));
    fc.assert(
      fc.property(losing, seed, ({ all, lost }, text) => {
        const options = { size: 16381, seed: text } as const;
        const rest = all.filter((_, index) => index !== lost);
        const after = maglevTable(rest, options);
        let others = 0;
        let moved = 0;
        maglevTable(all, options).forEach((index, position) => {
          if (index === lost) return;
          others++;
          if (rest[after[position]!] !== all[index]) moved++;
        });
        expect(moved / others).toBeLessThanOrEqual(0.01);
      }),
      // Shrinking tries ever fewer backends, and says nothing that the first set doesn't.
      { numRuns, endOnFailure: true },
    );
  });
});
