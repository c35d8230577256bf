import { describe, expect, it } from 'vitest';
import { isLoaded, spreadOf, spreadOfDifference } from './statistics.ts';

describe('a spread', () => {
  it('is the median and the lowest of the rounds', () => {
    expect(spreadOf([30, 10, 90, 20, 40])).toEqual({ median: 30, best: 10 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('of a difference takes each side for itself, so that a disturbed round makes nothing cheap', () => {
    const samples = [
      { with: 60, without: 20 },
      { with: 61, without: 58 },
      { with: 62, without: 21 },
    ];
    expect(spreadOfDifference(samples)).toEqual({ median: 40, best: 40 });
  });
});

describe('a loaded machine', () => {
  it('is one on which others work, or the yardstick itself varies', () => {
    expect(isLoaded(0.02, [{ median: 60, best: 58 }])).toBe(false);
    expect(isLoaded(0.5, [{ median: 60, best: 58 }])).toBe(true);
    expect(isLoaded(0.02, [{ median: 80, best: 58 }])).toBe(true);
  });
});
