import { describe, expect, it } from 'vitest';
import { formatBucket } from './bucket.ts';
import { ConsumerState } from './consumer-state.ts';
import type { Entry } from './entry.ts';

const bucket = { kind: 'identities', incarnation: 1n, number: 1 };
const at = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });
const row = (counter: number): Entry => ({ type: 'row', revision: at(counter), payload: Buffer.from([counter]) });
const tombstone = (counter: number): Entry => ({ type: 'tombstone', revision: at(counter) });
const end = (counter: number): Entry => ({ type: 'end', revision: at(counter), bucket: formatBucket(bucket) });

/** A consumer that has begun to read, and a short way to go on. */
function begin() {
  const state = new ConsumerState();
  state.advance({ type: 'pass', bucket });
  const read = (sequence: number, key: string, entry: Entry | null) =>
    state
      .advance({ type: 'message', bucket, sequence, key, entry })
      .map((change) => `${change.payload === null ? '-' : '+'}${change.key}@${change.revision.counter}`);
  const horizon = (sequence: number, askedAt = state.position) => state.advance({ type: 'horizon', bucket, sequence, askedAt });
  return { state, read, horizon };
}

describe('a row', () => {
  it('changes by a greater revision only', () => {
    const { read } = begin();
    expect(read(1, 'a', row(5))).toEqual(['+a@5']);
    expect(read(2, 'a', row(5))).toEqual([]);
    expect(read(3, 'a', row(4))).toEqual([]);
    expect(read(4, 'a', tombstone(3))).toEqual([]);
    expect(read(5, 'a', row(6))).toEqual(['+a@6']);
  });

  it('that was removed does not come back by an older value, however often its tombstone is read', () => {
    const { state, read } = begin();
    read(1, 'a', row(1));
    expect(read(2, 'a', tombstone(5))).toEqual(['-a@5']);
    expect(read(3, 'a', tombstone(5))).toEqual([]);
    expect(read(4, 'a', row(4))).toEqual([]);
    state.advance({ type: 'forget', upTo: at(4) });
    expect(read(5, 'a', row(4))).toEqual([]);
    expect(read(6, 'b', tombstone(6))).toEqual([]);
    expect(state.size).toBe(0);
  });

  it('is not read twice: what is delivered again, or of another bucket, is nothing', () => {
    const { state, read } = begin();
    read(1, 'a', row(1));
    read(2, 'a', row(2));
    expect(read(2, 'a', row(9))).toEqual([]);
    expect(state.advance({ type: 'message', bucket: { ...bucket, number: 2 }, sequence: 3, key: 'a', entry: row(9) })).toEqual([]);
  });
});

describe('C4: what was read', () => {
  it('is kept for who asks for it: rows as their bytes, removals, each at its revision; what was swept is not', () => {
    const state = new ConsumerState({ keepsRows: true });
    const bytes = Buffer.from([0, 7, 128, 255]);
    state.advance({ type: 'pass', bucket });
    const entries: Entry[] = [{ type: 'row', revision: at(1), payload: bytes }, row(2), tombstone(3), end(3)];
    entries.forEach((entry, i) => {
      state.advance({ type: 'message', bucket, sequence: i + 1, key: ['a', 'b', 'b', ''][i]!, entry });
    });
    state.advance({ type: 'horizon', bucket, sequence: 4, askedAt: state.position });
    expect([...state.known()]).toEqual([
      { key: 'a', revision: at(1), payload: bytes },
      { key: 'b', revision: at(3), payload: null },
    ]);
    const next = { ...bucket, number: 2 };
    state.advance({ type: 'pass', bucket: next });
    state.advance({ type: 'message', bucket: next, sequence: 1, key: '', entry: { ...end(4), bucket: formatBucket(next) } as Entry });
    state.advance({ type: 'horizon', bucket: next, sequence: 1, askedAt: state.position });
    expect([...state.known()]).toEqual([]);
  });

  it('is not kept by who does not: it takes memory', () => {
    const { state, read } = begin();
    read(1, 'a', row(1));
    expect([...state.known()]).toEqual([]);
  });
});

describe('the revision reached', () => {
  it('waits for the end marker and the horizon', () => {
    const { state, read, horizon } = begin();
    read(1, 'a', row(1));
    horizon(2);
    expect(state.reached).toBeNull();
    read(2, '', end(1));
    expect(state.reached).toEqual(at(1));
    read(3, 'a', row(2));
    expect(state.reached).toEqual(at(2));
  });

  it('stands still behind a gap until a horizon asked for after it is read', () => {
    const { state, read, horizon } = begin();
    read(1, '', end(0));
    const early = state.position;
    horizon(1);
    expect(state.reached).toEqual(at(0));
    // 2 held "a"; it was replaced by 4.
    read(3, 'b', row(2));
    horizon(3, early);
    expect(state.reached).toEqual(at(0));
    expect(state.needsHorizon).toBe(true);
    horizon(4);
    expect(state.isBehind).toBe(true);
    read(4, 'a', row(3));
    expect(state.reached).toEqual(at(3));
  });

  it('is not moved by values that are not ours, but they count in the sequence', () => {
    const { state, read, horizon } = begin();
    read(1, '', end(0));
    horizon(1);
    read(2, 'x', null);
    read(3, 'a', row(1));
    expect(state.reached).toEqual(at(1));
  });
});

describe('a pass', () => {
  it('sweeps what it did not contain, but not by a horizon that was asked for in an earlier pass', () => {
    const { state, read, horizon } = begin();
    read(1, '', end(0));
    horizon(1);
    const early = state.position;
    read(2, 'a', row(1));
    state.advance({ type: 'pass', bucket });
    read(1, '', end(0));
    expect(horizon(1, early)).toEqual([]);
    expect(horizon(2)).toEqual([]);
    expect(read(2, 'a', row(1))).toEqual([]);
    expect(state.size).toBe(1);
    state.advance({ type: 'pass', bucket: { ...bucket, number: 2 } });
    const marker: Entry = { type: 'end', revision: at(2), bucket: formatBucket({ ...bucket, number: 2 }) };
    state.advance({ type: 'message', bucket: { ...bucket, number: 2 }, sequence: 1, key: '', entry: marker });
    expect(state.advance({ type: 'horizon', bucket: { ...bucket, number: 2 }, sequence: 1, askedAt: state.position })).toEqual([
      { key: 'a', revision: at(2), payload: null },
    ]);
  });

  it('of an older bucket is not begun', () => {
    const { state } = begin();
    state.advance({ type: 'pass', bucket: { ...bucket, incarnation: 0n, number: 9 } });
    expect(state.bucket).toEqual(bucket);
  });
});

it('C3: a bucket that is behind what was read in the one before is no state yet, though it is marked', () => {
  const { state, read } = begin();
  read(1, 'a', row(1));
  read(2, 'a', tombstone(2));
  const later = { ...bucket, number: 2 };
  state.advance({ type: 'pass', bucket: later });
  const take = (sequence: number, entry: Entry) => state.advance({ type: 'message', bucket: later, sequence, key: 'a', entry });
  take(1, row(1));
  take(2, { type: 'end', revision: at(1), bucket: formatBucket(later) });
  state.advance({ type: 'horizon', bucket: later, sequence: 2, askedAt: state.position });
  expect(state.isSettled).toBe(false);
  take(3, tombstone(2));
  expect(state.isSettled).toBe(true);
  expect(state.reached).toEqual(at(2));
});
