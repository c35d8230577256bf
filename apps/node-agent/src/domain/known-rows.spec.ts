import { expect, it } from 'vitest';
import { rowsToPresent } from './known-rows.ts';

const at = (counter: number) => ({ incarnation: 7n, counter: BigInt(counter) });
const rows = [
  { key: '300', revision: at(3), payload: Buffer.from('a') },
  { key: '301', revision: at(5), payload: null },
];
const told = (beyond: ReturnType<typeof at> | undefined) =>
  [...rowsToPresent([{ kind: 'identities', rows, beyond }])].map(({ key, payload }) => `${key} ${payload}`);

it('C4: who knows nothing is told all rows and removals, who has a whole bucket what is later', () => {
  expect(told(undefined)).toEqual(['300 a', '301 ']);
  expect(told(at(3))).toEqual(['301 ']);
  expect(told(at(5))).toEqual([]);
});
