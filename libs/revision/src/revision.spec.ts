import { describe, expect, it } from 'vitest';
import { compareRevisions, formatRevision, includesRevision, laterRevision, zeroRevision } from './revision.ts';

const revision = (incarnation: bigint, counter: bigint) => ({ incarnation, counter });

describe('revisions', () => {
  it('are ordered by incarnation before counter', () => {
    expect(compareRevisions(revision(1n, 900n), revision(2n, 1n))).toBeLessThan(0);
    expect(compareRevisions(revision(2n, 2n), revision(2n, 1n))).toBeGreaterThan(0);
    expect(compareRevisions(revision(2n, 2n), revision(2n, 2n))).toBe(0);
  });
  it('include themselves and what is before them', () => {
    expect(includesRevision(revision(2n, 1n), revision(2n, 1n))).toBe(true);
    expect(includesRevision(revision(2n, 1n), revision(1n, 9n))).toBe(true);
    expect(includesRevision(zeroRevision, revision(1n, 0n))).toBe(false);
  });
  it('have a later one and a text', () => {
    expect(formatRevision(laterRevision(revision(1n, 5n), revision(1n, 7n)))).toBe('1.7');
  });
});
