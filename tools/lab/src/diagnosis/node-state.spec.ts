import { expect, it } from 'vitest';
import { refusals } from './node-state.ts';

it('what connection tracking has refused is summed over processors, from hexadecimal, without what is nothing', () => {
  const text = [
    'entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error',
    '0000000a 00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 0000000f 00000000 00000000 00000000',
    '0000000a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000000 00000000 00000000',
  ].join('\n');
  expect(refusals(text)).toBe('insert_failed 17, invalid 1');
  expect(refusals('')).toBe('');
});
