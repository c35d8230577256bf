import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assertEach } from './assert-each.ts';

it('tries as many cases as it says', () => {
  let tried = 0;
  assertEach(
    fc.property(fc.nat(), () => {
      tried++;
    }),
    50,
  );
  expect(tried).toBe(50);
});

it('fails with the case that fails', () => {
  expect(() =>
    assertEach(
      fc.property(fc.nat(), (number) => number < 10),
      200,
    ),
  ).toThrow('Counterexample: [10]');
});

it('fails when a path goes through the shrunk forms of one case instead', () => {
  expect(() =>
    assertEach(
      fc.property(fc.nat(), () => true),
      50,
      { seed: 1, path: '3:0' },
    ),
  ).toThrow('instead of 50');
});
