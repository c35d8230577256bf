import { compareRevisions } from '@myelin/revision';
import { type Bucket, type Entry, formatBucket, mayReplace, type Write } from '@myelin/state-stream';

/** Where a relay writes, and what it knows of that place. */
export interface Place {
  readonly bucket: Bucket;
  /** The stream's last sequence, as of the last look or the last write: the condition of the next one. */
  readonly sequence: number;
  /** What waited when this place was found has been compared with what the bucket holds: from here on, what waits is new. */
  readonly hasCompared: boolean;
  /** When tombstones were looked through last, by Redis' clock. */
  readonly sweptAtMs: number;
  /** Where comparing all rows with the bucket has got to; absent: not begun here. */
  readonly reconciling?: Reconciling;
}

/** `cursor`: Redis' into the rows, "0" between two rounds. `begunAtMs`: of the last round, by Redis' clock. */
export interface Reconciling {
  readonly cursor: string;
  readonly begunAtMs: number;
}

/** A row or tombstone of Redis: what the bucket should hold, and the record that says so. `write` null: unreadable. */
export interface ListedRow {
  readonly key: string;
  readonly record: string;
  readonly write: Write | null;
}

/** An outbox entry as the relay sees it. `write` is null where it can't be read: it is passed over. */
export interface QueuedWrite {
  readonly id: string;
  readonly incarnation: bigint;
  /** "incarnation counter", as scripts write it. */
  readonly revisionText: string;
  readonly write: Write | null;
}

/** A removed row that is old enough to be forgotten: its key and what Redis holds for it. */
export interface ExpiredTombstone {
  readonly key: string;
  readonly record: string;
}

/** What Redis remembers of its bucket: `number` 0 where none was begun; the stream has reached at least `sequence`. */
interface Remembered {
  readonly bucket: Bucket;
  readonly sequence: number;
}

/**
 * A relay does one thing at a time, and what it does is its whole state. Everything it needs to go on is in here, in Redis or in NATS: it may be killed
 * or paused between any two of these.
 */
export type RelayState =
  /** `problem`: why publishing was interrupted; null while another relay has the lease. */
  | { readonly does: 'wait'; readonly ms: number; readonly problem: string | null }
  /** Takes the kind's lease or keeps it; `renew` false only looks whether it is still ours. */
  | { readonly does: 'hold lease'; readonly renew: boolean; readonly place: Place | null }
  | { readonly does: 'recall bucket'; readonly incarnation: bigint }
  | { readonly does: 'find newest'; readonly remembered: Remembered }
  | { readonly does: 'measure'; readonly remembered: Remembered }
  | { readonly does: 'raise'; readonly lost: Bucket; readonly beyond: number }
  | { readonly does: 'create'; readonly bucket: Bucket }
  | { readonly does: 'fetch'; readonly place: Place; readonly waitMs: number }
  /** Nothing waits: is the bucket still as it was left? */
  | { readonly does: 'verify'; readonly place: Place }
  | { readonly does: 'compare'; readonly place: Place; readonly entries: readonly QueuedWrite[]; readonly writes: readonly Write[] }
  | { readonly does: 'write'; readonly place: Place; readonly entries: readonly QueuedWrite[]; readonly writes: readonly Write[] }
  | { readonly does: 'acknowledge'; readonly place: Place; readonly last: QueuedWrite; readonly count: number; readonly isWhole: boolean }
  | { readonly does: 'delete older'; readonly place: Place }
  | { readonly does: 'list expired'; readonly place: Place }
  | { readonly does: 'purge'; readonly place: Place; readonly tombstones: readonly ExpiredTombstone[] }
  | { readonly does: 'forget'; readonly place: Place; readonly tombstones: readonly ExpiredTombstone[] }
  | { readonly does: 'list rows'; readonly place: Place; readonly reconciling: Reconciling }
  | { readonly does: 'look up'; readonly place: Place; readonly rows: readonly ListedRow[] }
  | { readonly does: 'queue again'; readonly place: Place; readonly rows: readonly ListedRow[] };

export type RelayDeed = RelayState['does'];

/** What each deed is answered with when it succeeds. */
export interface RelayAnswers {
  wait: null;
  'hold lease': { readonly isHeld: boolean; readonly incarnation: bigint; readonly nowMs: number };
  'recall bucket': Remembered;
  /** The newest bucket of the kind that NATS has. */
  'find newest': Bucket | null;
  /** The stream's last sequence; null where there is no such bucket. */
  measure: number | null;
  /** Number of the bucket that was begun; null where another relay was faster. */
  raise: number | null;
  create: null;
  fetch: readonly QueuedWrite[];
  /** As `measure`. */
  verify: number | null;
  /** What the keys hold, in the order of the writes. */
  compare: readonly (Entry | null)[];
  /** False: refused, or nobody knows. */
  write: boolean;
  /** False: Redis has begun another bucket. */
  acknowledge: boolean;
  'delete older': null;
  'list expired': readonly ExpiredTombstone[];
  purge: null;
  forget: null;
  /** Null: something waits to be published, or is being recovered: another time. */
  'list rows': { readonly cursor: string; readonly rows: readonly ListedRow[] } | null;
  /** What the keys hold, in the order of the rows. */
  'look up': readonly (Entry | null)[];
  /** How many still stood as they were listed, and were queued. */
  'queue again': number;
}

/** How long a lease lasts. It only spares relays each other's conflicts: what keeps them apart is the condition on every write. */
export const leaseMs = 3000;
const standbyMs = 500;
const retryMs = 200;
/** Less than a third of the lease: it is renewed once a turn. */
const fetchWaitMs = 900;
const sweepEveryMs = 60_000;
/** How often a round begins. It takes a slice of rows a turn: 20,000 rows in two minutes in which nothing else happens. */
const reconcileEveryMs = 300_000;

/** How a relay begins. */
export const relayBegins: RelayState = Object.freeze({ does: 'hold lease', renew: true, place: null });

/**
 * What a relay does after something failed or may have failed: it forgets where it was and looks again. It does not renew its lease meanwhile: where
 * only this process has lost its way, another one gets its turn.
 */
export function afterFailure(problem: string): RelayState {
  return { does: 'wait', ms: retryMs, problem };
}

type StateOf<D extends RelayDeed> = Extract<RelayState, { readonly does: D }>;
type Transitions = { readonly [D in RelayDeed]: (state: StateOf<D>, answer: RelayAnswers[D]) => RelayState };

/** What a relay does next, by what it did and how that was answered (design C2). */
const next: Transitions = {
  wait: ({ problem }) => ({ does: 'hold lease', renew: problem === null, place: null }),

  'hold lease': ({ place }, { isHeld, incarnation, nowMs }) => {
    if (!isHeld) return { does: 'wait', ms: standbyMs, problem: null };
    if (place === null || place.bucket.incarnation !== incarnation) return { does: 'recall bucket', incarnation };
    if (nowMs - place.sweptAtMs >= sweepEveryMs) return { does: 'list expired', place: { ...place, sweptAtMs: nowMs } };
    const { cursor, begunAtMs } = place.reconciling ?? { cursor: '0', begunAtMs: 0 };
    const isDue = cursor !== '0' || nowMs - begunAtMs >= reconcileEveryMs;
    // What waits is not there yet: first it is published.
    if (!place.hasCompared || !isDue) return fetchInto(place);
    return { does: 'list rows', place, reconciling: { cursor, begunAtMs: cursor === '0' ? nowMs : begunAtMs } };
  },

  'recall bucket': (_state, remembered) => ({ does: 'find newest', remembered }),

  'find newest': ({ remembered }, newest) => {
    const { bucket } = remembered;
    if (newest !== null && newest.incarnation > bucket.incarnation)
      return afterFailure(
        `NATS holds ${formatBucket(newest)}, newer than Redis' incarnation ${bucket.incarnation}: is this an old copy of Redis?`,
      );
    const beyond = newest?.incarnation === bucket.incarnation ? newest.number : 0;
    if (bucket.number === 0 || beyond > bucket.number) return { does: 'raise', lost: bucket, beyond };
    return { does: 'measure', remembered };
  },

  // Missing, or shorter than it has been: NATS lost it, or its end.
  measure: ({ remembered: { bucket, sequence } }, last) => {
    if (last === null || last < sequence) return { does: 'raise', lost: bucket, beyond: 0 };
    return fetchInto(placeIn(bucket, last));
  },

  raise: ({ lost }, number) => {
    if (number === null) return afterFailure('another relay has begun a bucket');
    return { does: 'create', bucket: { ...lost, number } };
  },

  // Somebody else may have written there since: what stands in it is asked.
  create: ({ bucket }) => ({ does: 'measure', remembered: { bucket, sequence: 0 } }),

  fetch: ({ place }, entries) => {
    // Redis was emptied while we waited: these are rows of another life and belong in its bucket.
    const foreign = entries.find(({ incarnation }) => incarnation !== place.bucket.incarnation);
    if (foreign !== undefined) return afterFailure(`Redis has gone on to incarnation ${foreign.incarnation}`);
    if (entries.length === 0) return { does: 'verify', place: { ...place, hasCompared: true } };
    const writes = entries.flatMap(({ write }) => (write === null || isForeignMarker(write, place.bucket) ? [] : [write]));
    return { does: place.hasCompared ? 'write' : 'compare', place, entries, writes };
  },

  // Lost while nobody wrote: those who come to read must not wait for the next change.
  verify: ({ place }, last) => {
    if (last === place.sequence) return renew(place);
    if (last === null || last < place.sequence) return { does: 'raise', lost: place.bucket, beyond: 0 };
    return { does: 'recall bucket', incarnation: place.bucket.incarnation };
  },

  compare: ({ place, entries, writes }, stored) => ({ does: 'write', place, entries, writes: greaterWrites(writes, stored) }),

  write: ({ place, entries, writes }, isWritten) => {
    if (!isWritten) return afterFailure('a batch may not have been written');
    const isWhole = entries.some(({ write }) => write?.entry.type === 'end' && !isForeignMarker(write, place.bucket));
    const written = { ...place, sequence: place.sequence + writes.length, hasCompared: true };
    return { does: 'acknowledge', place: written, last: entries.at(-1)!, count: entries.length, isWhole };
  },

  acknowledge: ({ place, isWhole }, isCurrent) => {
    if (!isCurrent) return afterFailure('another relay has begun a bucket');
    return isWhole ? { does: 'delete older', place } : renew(place);
  },

  'delete older': ({ place }) => renew(place),

  'list expired': ({ place }, tombstones) => (tombstones.length === 0 ? fetchInto(place) : { does: 'purge', place, tombstones }),
  // First from the bucket, then from Redis: killed in between, the rest is done the next time.
  purge: ({ place, tombstones }) => ({ does: 'forget', place, tombstones }),
  forget: ({ place }) => renew(place),

  'list rows': ({ place, reconciling }, listed) => {
    if (listed === null) return fetchInto(place);
    return { does: 'look up', place: { ...place, reconciling: { ...reconciling, cursor: listed.cursor } }, rows: listed.rows };
  },
  'look up': ({ place, rows }, stored) => {
    const missing = rows.filter(({ write }, i) => write !== null && isMissing(write.entry, stored[i] ?? null));
    return missing.length === 0 ? fetchInto(place) : { does: 'queue again', place, rows: missing };
  },
  'queue again': ({ place }) => fetchInto(place),
};

/** Takes the relay one step further. */
export function advanceRelay<D extends RelayDeed>(state: StateOf<D>, answer: RelayAnswers[D]): RelayState {
  const step = next[state.does] as (state: StateOf<D>, answer: RelayAnswers[D]) => RelayState;
  return step(state, answer);
}

function placeIn(bucket: Bucket, sequence: number): Place {
  return { bucket, sequence, hasCompared: false, sweptAtMs: 0 };
}

function renew(place: Place): RelayState {
  return { does: 'hold lease', renew: true, place };
}

function fetchInto(place: Place): RelayState {
  return { does: 'fetch', place, waitMs: place.hasCompared ? fetchWaitMs : 0 };
}

/** An end marker holds in the bucket that it names alone: everywhere else it would have consumers drop rows that were never written there. */
function isForeignMarker({ entry }: Write, bucket: Bucket): boolean {
  return entry.type === 'end' && entry.bucket !== formatBucket(bucket);
}

/** Whether a bucket doesn't hold what it should. A tombstone may be gone; and what is greater was written since, or by somebody who knows more: it stays. */
function isMissing(should: Entry, has: Entry | null): boolean {
  if (has === null) return should.type === 'row';
  const order = compareRevisions(has.revision, should.revision);
  if (order !== 0) return order < 0;
  return has.type !== should.type || (has.type === 'row' && should.type === 'row' && Buffer.compare(has.payload, should.payload) !== 0);
}

/** Those writes, in order, that are greater than what their keys hold by then. `stored[i]` is what the key of `writes[i]` holds. */
export function greaterWrites(writes: readonly Write[], stored: readonly (Entry | null)[]): Write[] {
  const latest = new Map<string, Entry>();
  return writes.filter(({ key, entry }, i) => {
    const slot = entry.type === 'end' ? 'end' : `key ${key}`;
    if (!mayReplace(latest.get(slot) ?? stored[i] ?? null, entry)) return false;
    latest.set(slot, entry);
    return true;
  });
}
