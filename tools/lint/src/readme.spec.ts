import { expect, it } from 'vitest';
import { missingHeadings } from './readme.ts';

it('finds the five headings in order, others between them', () => {
  expect(missingHeadings('# x\n## Invariants\n## Owns\n## Flow\n## Files\n## Notes\n## Inspect\n## Test\n')).toEqual([]);
});

it('names what is missing or out of order', () => {
  expect(missingHeadings('# x\n## Flow\n## Owns\n## Files\n## Test\n')).toEqual(['Flow', 'Inspect']);
});
