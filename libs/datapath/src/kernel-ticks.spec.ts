import { describe, expect, it } from 'vitest';
import { kernelHz, tickShift, ticksOf } from './kernel-ticks.ts';

describe('ticks', () => {
  it.each([
    [100, 5],
    [250, 6],
    [300, 6],
    [1000, 8],
  ])('at %i Hz are 2^%i jiffies: about a quarter of a second', (hz, shift) => {
    expect(tickShift(hz)).toBe(shift);
  });
  it('of a lifetime are rounded up', () => {
    expect([ticksOf(60, 250), ticksOf(10, 250), ticksOf(8000, 250)]).toEqual([235, 40, 31250]);
  });
  it('are read from the running kernel', () => {
    expect([100, 250, 300, 1000]).toContain(kernelHz());
  });
});
