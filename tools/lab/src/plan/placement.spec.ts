import { expect, it } from 'vitest';
import { placePods } from './placement.ts';

const pods = (...names: (string | null)[]) => names.map((nodeName) => ({ nodeName }));

it('puts a pod on the node that it names, and the others on the nodes in turn', () => {
  expect(placePods(pods(null, 'b', null, null), ['a', 'b'], 0)).toEqual(['a', 'b', 'b', 'a']);
});

it('goes on where the last placement ended', () => {
  expect(placePods(pods(null, null), ['a', 'b', 'c'], 5)).toEqual(['c', 'a']);
});
