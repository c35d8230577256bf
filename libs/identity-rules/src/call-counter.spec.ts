import { expect, it } from 'vitest';
import { CallCounter } from './call-counter.ts';

it('is raised before a call contradicts one that was never answered, and by nothing else', () => {
  const calls = new CallCounter(4n);
  expect(calls.begin('a', 'allocate')).toBe(false);
  expect(calls.begin('b', 'release')).toBe(false);
  expect(calls.counter).toBe(4n);
  expect(calls.begin('a', 'release')).toBe(true);
  expect(calls.counter).toBe(5n);
  calls.answered('a');
  expect(calls.begin('a', 'allocate')).toBe(false);
  expect(calls.counter).toBe(5n);
});

it('is raised after a call that was answered only when it was sent again: the first one may still be under way', () => {
  const calls = new CallCounter(4n);
  calls.begin('a', 'release');
  expect(calls.begin('a', 'release')).toBe(false);
  calls.answered('a');
  expect(calls.begin('a', 'allocate')).toBe(true);
  calls.answered('a');
  expect(calls.begin('a', 'release')).toBe(false);
  expect(calls.counter).toBe(5n);
});
