import { expect, it } from 'vitest';
import { Extents } from './extents.ts';

it('gives places in a row, the first that are free', () => {
  const extents = new Extents(10);
  expect([extents.take(3), extents.take(4), extents.take(4), extents.take(3), extents.take(1)]).toEqual([0, 3, null, 7, null]);
  extents.give(3, 4);
  expect([extents.taken, extents.take(2), extents.take(2), extents.take(1)]).toEqual([6, 3, 5, null]);
});

it('joins what is given back with what is free on both sides', () => {
  const extents = new Extents(9);
  for (let i = 0; i < 3; i++) extents.take(3);
  for (const first of [0, 6, 3]) extents.give(first, 3);
  expect(extents.take(9)).toBe(0);
});

it('takes given places, unless one of them is taken', () => {
  const extents = new Extents(8);
  extents.claim(2, 3);
  expect(() => extents.claim(4, 2)).toThrow(/not free/);
  expect(() => extents.claim(7, 2)).toThrow(/not free/);
  expect([extents.take(3), extents.take(2), extents.taken]).toEqual([5, 0, 8]);
});

it('takes no place for nothing', () => {
  const extents = new Extents(0);
  expect(extents.take(1)).toBeNull();
  extents.claim(0, 0);
  extents.give(5, 0);
  expect(extents.taken).toBe(0);
});
