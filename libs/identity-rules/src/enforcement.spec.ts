import { describe, expect, it } from 'vitest';
import { answeredSubjects, isStateFor, neededOfOthers, stepsOf } from './enforcement.ts';
import { assignment } from './testing/endpoint.ts';

const revision = (counter: bigint) => ({ incarnation: 1n, counter });

describe('a state is taken (C6)', () => {
  it('in the order that never lets an identity through that no policy accounts for', () => {
    const steps = stepsOf({ removed: [7], included: [3], dropped: [5], complete: false }, [5, 9], () => []);
    expect([...steps]).toEqual([
      { kind: 'clear bits', identities: [5] },
      { kind: 'put policies', removed: [7] },
      { kind: 'set bits', identities: [3] },
    ]);
  });

  it('as a whole: what it does not name goes', () => {
    const [clear] = stepsOf({ removed: [], included: [3], dropped: [], complete: true }, [3, 5, 9], () => []);
    expect(clear).toEqual({ kind: 'clear bits', identities: [5, 9] });
  });

  it('but for subjects that pods still have: theirs stay (C4)', () => {
    const [, put] = stepsOf({ removed: [7, 8], included: [], dropped: [], complete: false }, [], () => [7]);
    expect(put).toEqual({ kind: 'put policies', removed: [8] });
  });
});

describe('a state is one for a subject (C6)', () => {
  it('only where it was asked for with it, and accounts for its identity', () => {
    const subject = { identity: 7, revision: revision(4n) };
    expect(isStateFor({ reached: revision(4n), subjects: [7] }, subject)).toBe(true);
    expect(isStateFor({ reached: revision(3n), subjects: [7] }, subject)).toBe(false);
    expect(isStateFor({ reached: revision(4n), subjects: [8] }, subject)).toBe(false);
  });
});

describe('other nodes are waited for (C6, C5)', () => {
  const given = assignment(7);
  it('not where all have the identity already', () => {
    expect(neededOfOthers(given, { isAppliedByOthers: true, isNative: false, isReused: false })).toBeNull();
    expect(neededOfOthers(given, { isAppliedByOthers: false, isNative: false, isReused: false })).toEqual({ identities: given.revision });
  });
  it('for its addresses, where they tell it by them, or they were somebody else’s', () => {
    const both = { identities: given.revision, endpoints: given.published };
    expect(neededOfOthers(given, { isAppliedByOthers: true, isNative: true, isReused: false })).toEqual(both);
    expect(neededOfOthers(given, { isAppliedByOthers: true, isNative: false, isReused: true })).toEqual(both);
    const beside = { ...given, published: null };
    expect(neededOfOthers(beside, { isAppliedByOthers: true, isNative: true, isReused: false })).toEqual({ identities: given.revision });
  });
});

describe('an answer of the compiler is complete (C6)', () => {
  it('for subjects of its request that every later one has, too', () => {
    expect(answeredSubjects([[7, 8, 9]])).toEqual([7, 8, 9]);
    expect(answeredSubjects([[7, 8], [8], [7, 8, 9]])).toEqual([8]);
    expect(answeredSubjects([])).toEqual([]);
  });
});
