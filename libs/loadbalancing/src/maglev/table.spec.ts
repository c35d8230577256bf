import { describe, expect, it } from 'vitest';
import { permutationOf } from './permutation.ts';
import { defaultTableSize, isTableSize, tableSizes } from './size.ts';
import { maglevTable, nobody, type TableOptions, type WeightedBackend } from './table.ts';

const pods = (count: number, weight = 1): WeightedBackend[] =>
  Array.from({ length: count }, (_, index) => ({ name: `10.244.${index >> 8}.${index & 255}:8080/TCP`, weight }));

const shares = (table: Uint16Array, count: number): readonly number[] => {
  const result = new Array<number>(count).fill(0);
  for (const backend of table) result[backend]!++;
  return result;
};

/** Share of the positions of those that stay that another one of them gets. */
const moved = (backends: readonly WeightedBackend[], lost: number, options: TableOptions): number => {
  const before = maglevTable(backends, options);
  const rest = backends.filter((_, index) => index !== lost);
  const after = maglevTable(rest, options);
  let others = 0;
  let changed = 0;
  before.forEach((backend, position) => {
    if (backend === lost) return;
    others++;
    if (backends[backend] !== rest[after[position]!]) changed++;
  });
  return changed / others;
};

const options: TableOptions = { size: defaultTableSize, seed: 'lab' };

describe('maglevTable', () => {
  it('moves at most 1 % of the other backends’ positions when one of 20 to 163 goes (M > 100 × backends)', () => {
    for (const count of [20, 33, 100, 163]) {
      for (let round = 0; round < 4; round++) {
        const lost = Math.floor((round * (count - 1)) / 3);
        expect(moved(pods(count), lost, { ...options, seed: `seed ${round}` }), `${count} backends, seed ${round}`).toBeLessThanOrEqual(
          0.01,
        );
      }
    }
  });

  it('gives nobody else’s position away but to balance: who comes back gets its own again', () => {
    const all = pods(100);
    const table = maglevTable(all, options);
    expect(
      maglevTable([...all.slice(0, 40), ...all.slice(41), all[40]!], options).map((at) => (at === 99 ? 40 : at >= 40 ? at + 1 : at)),
    ).toEqual(table);
  });

  it('gives even shares, to one position', () => {
    for (const size of [251, 16381] as const) {
      for (const count of [1, 2, 7, 100, 250]) {
        const exact = size / count;
        for (const share of shares(maglevTable(pods(count), { ...options, size }), count)) {
          expect(share).toBeGreaterThanOrEqual(Math.floor(exact));
          expect(share).toBeLessThanOrEqual(Math.ceil(exact));
        }
      }
    }
  });

  it('gives shares by weight, and the same table for equal weights however great', () => {
    const weighted = [
      { name: 'a', weight: 100 },
      { name: 'b', weight: 50 },
      { name: 'c', weight: 1 },
    ];
    const [a, b, c] = shares(maglevTable(weighted, options), 3) as [number, number, number];
    expect(a + b + c).toBe(16381);
    expect(Math.abs(a - (16381 * 100) / 151)).toBeLessThanOrEqual(1);
    expect(Math.abs(b - (16381 * 50) / 151)).toBeLessThanOrEqual(1);
    expect(Math.abs(c - 16381 / 151)).toBeLessThanOrEqual(1);
    expect(maglevTable(pods(20, 100), options)).toEqual(maglevTable(pods(20, 1), options));
  });

  it('doesn’t wait for a light backend’s turns once the heavy ones have all', () => {
    const weighted = ['a', 'b', 'c'].map((name, index) => ({ name, weight: index === 0 ? 65535 : 3 }));
    const [, b, c] = shares(maglevTable(weighted, { ...options, size: 131071 }), 3) as [number, number, number];
    expect([b, c].every((share) => share === 5 || share === 6)).toBe(true);
  });

  it('is another table with another seed or name', () => {
    const table = maglevTable(pods(10), options);
    expect(maglevTable(pods(10), { ...options, seed: 'other' })).not.toEqual(table);
    expect(maglevTable(pods(11).slice(1), options)).not.toEqual(table);
  });

  it('has nobody where nobody is, one alone where one is, and ends with more backends than positions', () => {
    expect(new Set(maglevTable([], { ...options, size: 251 }))).toEqual(new Set([nobody]));
    expect(new Set(maglevTable(pods(1), { ...options, size: 251 }))).toEqual(new Set([0]));
    expect(new Set(maglevTable(pods(300), { ...options, size: 251 })).size).toBe(251);
  });

  // On record (by a second, literal program): a table that changes by an upgrade sends the flows of nodes that differ to different backends.
  it('is the table it always was', () => {
    expect(permutationOf('10.244.0.1:8080/TCP', 251, 'lab')).toEqual({ first: 206, step: 159 });
    expect([...maglevTable(pods(4), { size: 251, seed: 'lab' }).slice(0, 24)].join('')).toBe('223032313232323130232011');
  });
});

describe('tableSizes', () => {
  it('are primes', () => {
    const isPrime = (n: number) => Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }, (_, i) => i + 2).every((d) => n % d !== 0);
    expect(tableSizes.filter((size) => !isPrime(size))).toEqual([]);
    expect(isTableSize(16381)).toBe(true);
    expect(isTableSize(16384)).toBe(false);
  });
});
