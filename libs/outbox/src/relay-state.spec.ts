import type { Entry, Write } from '@myelin/state-stream';
import { describe, expect, it } from 'vitest';
import { advanceRelay, greaterWrites, type Place, type QueuedWrite, type RelayState, relayBegins } from './relay-state.ts';

const bucket = { kind: 'identities', incarnation: 7n, number: 2 };
const at = (counter: number) => ({ incarnation: 7n, counter: BigInt(counter) });
const row = (key: string, counter: number): Write => ({
  key,
  entry: { type: 'row', revision: at(counter), payload: Buffer.from([counter]) },
});
const marker = (name: string, counter: number): Write => ({ key: '', entry: { type: 'end', revision: at(counter), bucket: name } });
const queued = (write: Write, incarnation = 7n): QueuedWrite => ({ id: '1-0', incarnation, revisionText: '7 1', write });
const place: Place = { bucket, sequence: 4, hasCompared: true, sweptAtMs: 0 };
const fetched = (entries: readonly QueuedWrite[], over: Partial<Place> = {}) =>
  advanceRelay({ does: 'fetch', place: { ...place, ...over }, waitMs: 0 }, entries);
const measured = (sequence: number, last: number | null) => advanceRelay({ does: 'measure', remembered: { bucket, sequence } }, last);

describe('a relay', () => {
  it('without the lease waits and tries again', () => {
    const state = advanceRelay(relayBegins as RelayState & { does: 'hold lease' }, { isHeld: false, incarnation: 7n, nowMs: 0 });
    expect(state).toMatchObject({ does: 'wait', problem: null });
    expect(advanceRelay(state as RelayState & { does: 'wait' }, null)).toEqual(relayBegins);
  });

  it('does not renew its lease after a failure, so that another one gets its turn', () => {
    expect(advanceRelay({ does: 'wait', ms: 1, problem: 'NATS is away' }, null)).toEqual({ does: 'hold lease', renew: false, place: null });
  });

  it('goes on in its bucket while the incarnation stays, and looks again when it does not', () => {
    const turn = { does: 'hold lease', renew: true, place } as const;
    expect(advanceRelay(turn, { isHeld: true, incarnation: 7n, nowMs: 1 })).toMatchObject({ does: 'fetch', place });
    expect(advanceRelay(turn, { isHeld: true, incarnation: 8n, nowMs: 1 })).toEqual({ does: 'recall bucket', incarnation: 8n });
    expect(advanceRelay(turn, { isHeld: true, incarnation: 7n, nowMs: 60_000 })).toMatchObject({ does: 'list expired' });
  });

  it('C2: begins the next bucket where the present one is missing or shorter than it was, beyond all that NATS has', () => {
    expect(measured(4, 4)).toMatchObject({ does: 'fetch', place: { sequence: 4, hasCompared: false } });
    expect(measured(4, 3)).toMatchObject({ does: 'raise', lost: bucket });
    expect(measured(0, null)).toMatchObject({ does: 'raise', lost: bucket });
    const remembered = { bucket, sequence: 4 };
    const found = (number: number, incarnation = 7n) =>
      advanceRelay({ does: 'find newest', remembered }, { kind: 'identities', incarnation, number });
    expect(found(3)).toMatchObject({ does: 'raise', beyond: 3 });
    expect(found(9, 6n)).toMatchObject({ does: 'measure' });
    expect(found(1, 8n)).toMatchObject({ does: 'wait', problem: expect.stringContaining('old copy of Redis') });
  });

  it('C2: notices a loss though nothing waits to be published', () => {
    const idle = fetched([]) as RelayState & { does: 'verify' };
    expect(idle).toMatchObject({ does: 'verify', place: { hasCompared: true } });
    expect(advanceRelay(idle, 4)).toMatchObject({ does: 'hold lease', place: { sequence: 4 } });
    for (const last of [null, 0, 3]) expect(advanceRelay(idle, last)).toEqual({ does: 'raise', lost: bucket, beyond: 0 });
    expect(advanceRelay(idle, 5)).toEqual({ does: 'recall bucket', incarnation: 7n });
  });

  it('C2: compares what waited when it came, and writes what is new without asking', () => {
    expect(fetched([queued(row('a', 5))], { hasCompared: false })).toMatchObject({ does: 'compare' });
    expect(fetched([queued(row('a', 5))])).toMatchObject({ does: 'write', place: { sequence: 4 } });
  });

  it("C2: writes its own bucket's end marker alone, and calls the bucket whole by that one only", () => {
    const own = fetched([queued(row('a', 5)), queued(marker('identities_7_2', 5))]) as RelayState & { does: 'write' };
    expect(own.writes).toHaveLength(2);
    const acknowledged = advanceRelay(own, true) as RelayState & { does: 'acknowledge' };
    expect(acknowledged).toMatchObject({ isWhole: true, place: { sequence: 6 } });
    expect(advanceRelay(acknowledged, true)).toMatchObject({ does: 'delete older' });
    const foreign = fetched([queued(row('a', 5)), queued(marker('identities_7_3', 5))]) as RelayState & { does: 'write' };
    expect(foreign.writes).toEqual([row('a', 5)]);
    expect(advanceRelay(foreign, true)).toMatchObject({ isWhole: false, place: { sequence: 5 } });
  });

  it('C3: carries no row of another incarnation into its bucket', () => {
    expect(fetched([queued(row('a', 5)), queued(row('a', 1), 8n)])).toMatchObject({ does: 'wait', problem: expect.stringContaining('8') });
  });

  it('C2: looks again after a write that was refused or not answered, and when another bucket was begun', () => {
    const write = fetched([queued(row('a', 5))]) as RelayState & { does: 'write' };
    expect(advanceRelay(write, false)).toMatchObject({ does: 'wait', problem: expect.any(String) });
    expect(advanceRelay({ does: 'acknowledge', place, last: queued(row('a', 5)), count: 1, isWhole: true }, false)).toMatchObject({
      does: 'wait',
    });
    expect(advanceRelay({ does: 'raise', lost: bucket, beyond: 0 }, null)).toMatchObject({ does: 'wait' });
  });
});

describe('C2: a relay that has nothing to publish compares rows with what stands in the bucket', () => {
  const turn = { does: 'hold lease', renew: true } as const;
  const swept = { ...place, sweptAtMs: 1_000_000 };
  const held = { isHeld: true, incarnation: 7n, nowMs: 1_000_000 };
  const listed = (key: string, write: Write | null) => ({ key, record: 'r', write });
  const lookedUp = (write: Write, stored: Entry | null) => advanceRelay({ does: 'look up', place, rows: [listed('a', write)] }, [stored]);
  const tombstone = (counter: number): Write => ({ key: 'a', entry: { type: 'tombstone', revision: at(counter) } });

  it('once a while, a slice a turn, and only after what had waited was compared', () => {
    const first = advanceRelay({ ...turn, place: swept }, held) as RelayState & { does: 'list rows' };
    expect(first).toMatchObject({ does: 'list rows', reconciling: { cursor: '0', begunAtMs: 1_000_000 } });
    expect(advanceRelay({ ...turn, place: { ...swept, hasCompared: false } }, held)).toMatchObject({ does: 'fetch' });
    const slice = advanceRelay(first, { cursor: '5', rows: [] }) as RelayState & { does: 'look up' };
    const next = advanceRelay(slice, []) as RelayState & { does: 'fetch' };
    expect(next).toMatchObject({ does: 'fetch' });
    const second = advanceRelay({ ...turn, place: next.place }, { ...held, nowMs: 1_000_001 }) as RelayState & { does: 'list rows' };
    expect(second).toMatchObject({ does: 'list rows', reconciling: { cursor: '5', begunAtMs: 1_000_000 } });
    const last = advanceRelay(second, { cursor: '0', rows: [] }) as RelayState & { does: 'look up' };
    expect(advanceRelay({ ...turn, place: last.place }, { ...held, nowMs: 1_000_002 })).toMatchObject({ does: 'fetch' });
    const later = { ...turn, place: { ...last.place, sweptAtMs: 1_300_000 } };
    expect(advanceRelay(later, { ...held, nowMs: 1_300_000 })).toMatchObject({ does: 'list rows' });
  });

  it('another time where something waits, or is being recovered', () => {
    expect(advanceRelay({ does: 'list rows', place, reconciling: { cursor: '0', begunAtMs: 1 } }, null)).toEqual({
      does: 'fetch',
      place,
      waitMs: 900,
    });
  });

  it('and queues what the bucket has lost or holds otherwise', () => {
    const other: Entry = { type: 'row', revision: at(5), payload: Buffer.from([9]) };
    for (const stored of [null, row('a', 4).entry, other, tombstone(5).entry])
      expect(lookedUp(row('a', 5), stored)).toMatchObject({ does: 'queue again' });
    expect(lookedUp(tombstone(5), row('a', 5).entry)).toMatchObject({ does: 'queue again' });
    expect(advanceRelay({ does: 'queue again', place, rows: [] }, 1)).toMatchObject({ does: 'fetch' });
  });

  it('and leaves alone what is as it should be, is greater, is a tombstone that has been purged, or can’t be read', () => {
    for (const stored of [row('a', 5).entry, row('a', 6).entry]) expect(lookedUp(row('a', 5), stored)).toMatchObject({ does: 'fetch' });
    for (const stored of [null, tombstone(5).entry]) expect(lookedUp(tombstone(5), stored)).toMatchObject({ does: 'fetch' });
    expect(advanceRelay({ does: 'look up', place, rows: [listed('a', null)] }, [null])).toMatchObject({ does: 'fetch' });
  });
});

it('of writes those are kept, in order, that are greater than what their keys hold by then', () => {
  const tombstone = (key: string, counter: number): Write => ({ key, entry: { type: 'tombstone', revision: at(counter) } });
  const writes = [row('a', 1), row('b', 2), marker('identities_7_2', 2), row('b', 3), row('b', 2), tombstone('a', 4), row('', 3)];
  const stored: (Entry | null)[] = [at(1), at(2), at(2), at(2), at(2), at(1), null].map(
    (revision) => revision && { type: 'tombstone', revision },
  );
  expect(greaterWrites(writes, stored)).toEqual([row('b', 3), tombstone('a', 4), row('', 3)]);
});
