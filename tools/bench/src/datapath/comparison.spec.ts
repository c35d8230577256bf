import { describe, expect, it } from 'vitest';
import { type Costs, ratioSpread } from './comparison.ts';

const samples = (...costs: number[]) => costs.map((cost) => ({ with: cost + 10, without: 10 }));
const round = (one: readonly number[], all: readonly number[]): Costs => ({ 1: samples(...one), 10000: samples(...all) });

describe('the ratio of a path with many services and with one', () => {
  it('is the median of the rounds, each by its quickest tries', () => {
    const rounds = [round([50, 90], [70, 50]), round([50], [60]), round([100], [110])];
    expect(ratioSpread(rounds).median).toBeCloseTo(1.1);
  });

  it('is at its best what either took in the quickest try of all', () => {
    const rounds = [round([50], [70]), round([80], [60])];
    expect(ratioSpread(rounds).best).toBeCloseTo(60 / 50);
  });
});
