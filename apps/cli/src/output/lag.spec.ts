import { describe, expect, it } from 'vitest';
import { formatApplied, lagOf, newestOf } from './lag.ts';

const at = (incarnation: number, counter: number) => ({ incarnation: BigInt(incarnation), counter: BigInt(counter) });

describe('lag', () => {
  it('is counted against the greatest revision that anybody knows', () => {
    const newest = newestOf([{ endpoints: at(1, 9), nodes: at(2, 1) }, { endpoints: at(1, 12), nodes: at(1, 50) }, {}]);
    expect(newest).toEqual({ endpoints: at(1, 12), nodes: at(2, 1), policies: undefined, identities: undefined, services: undefined });
    expect(lagOf({ endpoints: at(1, 9), nodes: at(2, 1) }, newest)).toEqual({
      policies: 0n,
      identities: 0n,
      endpoints: 3n,
      nodes: 0n,
      services: 0n,
    });
  });

  it('has no number between incarnations, or where nothing is applied', () => {
    const newest = { endpoints: at(2, 3), nodes: at(2, 1) };
    expect(lagOf({ endpoints: at(1, 90) }, newest)).toMatchObject({ endpoints: null, nodes: null });
    expect(formatApplied('endpoints', { endpoints: at(1, 90) }, newest)).toBe('1.90, behind 2.3');
    expect(formatApplied('nodes', {}, newest)).toBe('-, behind 2.1');
  });

  it('is shown only where there is one', () => {
    expect(formatApplied('endpoints', { endpoints: at(1, 9) }, { endpoints: at(1, 9) })).toBe('1.9');
    expect(formatApplied('endpoints', { endpoints: at(1, 9) }, { endpoints: at(1, 11) })).toBe('1.9, 2 behind 1.11');
  });
});
