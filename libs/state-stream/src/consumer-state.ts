import type { Revision } from '@myelin/contracts/types';
import { compareRevisions, includesRevision, laterRevision, zeroRevision } from '@myelin/revision';
import { type Bucket, compareBuckets, formatBucket } from './bucket.ts';
import type { Entry } from './entry.ts';

/** What a consumer reads, in the order in which it reads it. */
export type ConsumerEvent =
  /** Reading begins at the first entry of `bucket`: another bucket than before, or the same one anew. */
  | { readonly type: 'pass'; readonly bucket: Bucket }
  /** One message. `sequence`: its place in the stream. `entry` is null where the value is not ours; it still counts for the gaps. */
  | { readonly type: 'message'; readonly bucket: Bucket; readonly sequence: number; readonly key: string; readonly entry: Entry | null }
  /** The stream's last message stands at `sequence` (0: none), asked when `askedAt` was the state's position. */
  | { readonly type: 'horizon'; readonly bucket: Bucket; readonly sequence: number; readonly askedAt: ReadPosition }
  /** Nothing older than this can be read again: tombstones up to it may be forgotten. */
  | { readonly type: 'forget'; readonly upTo: Revision };

/** How far a consumer has read: passes begun, and the sequence of the last message in the present one. */
export interface ReadPosition {
  readonly pass: number;
  readonly sequence: number;
}

/** What a row's key has come to. `payload` null: the row is gone. */
export interface RowChange {
  readonly key: string;
  readonly revision: Revision;
  readonly payload: Uint8Array | null;
}

interface Known {
  revision: Revision;
  gone: boolean;
  /** The last pass in which the key was read. */
  pass: number;
  /** Its bytes, one a character: a string takes half the memory of an array. Empty where rows are not kept, or the row is gone. */
  kept: string;
}

const nothing: readonly RowChange[] = Object.freeze([]);

/**
 * The consumer's decisions (design C3), without clock or I/O: the same events give the same changes. Mutable for the sake of speed; nobody
 * else writes it.
 *
 * - A row changes only by a greater revision. Tombstones are kept, so that a late older value finds something greater.
 * - `reached`: every change up to it has been read, and nothing beyond. It moves when the bucket's end marker has been read and nothing is missing. A gap in the
 *   sequences is a value that was replaced since; its successor comes no later than the stream's last message at any time after the gap was seen:
 *   the horizon. (The server's own count of pending messages drifts when values are replaced: nats-server 2.9.10.)
 * - Once a pass has read everything that was there when it began, what it did not contain is gone: it is swept.
 */
export class ConsumerState {
  readonly #rows = new Map<string, Known>();
  readonly #keepsRows: boolean;
  #bucket: Bucket | null = null;
  #pass = 0;
  #sequence = 0;
  /** The message behind the last gap; 0 at the beginning of a pass. */
  #gapAt = 0;
  /** Everything up to here must have been read before nothing is missing; null: not known yet. */
  #horizon: number | null = null;
  #marked = false;
  #swept = false;
  /** The greatest revision of this pass, and of all. */
  #highest: Revision | null = null;
  #newest: Revision = zeroRevision;
  #reached: Revision | null = null;

  /** `keepsRows`: `known` gives them. */
  constructor({ keepsRows = false }: { readonly keepsRows?: boolean } = {}) {
    this.#keepsRows = keepsRows;
  }

  /** All rows and removals that were read, at their revisions. Empty where rows are not kept. */
  *known(): Generator<RowChange> {
    if (!this.#keepsRows) return;
    for (const [key, { revision, gone, kept }] of this.#rows) yield { key, revision, payload: gone ? null : Buffer.from(kept, 'latin1') };
  }

  /** Revision up to which everything has been read; null until the first snapshot is complete. Never decreases. */
  get reached(): Revision | null {
    return this.#reached;
  }

  /** The bucket that is being read. */
  get bucket(): Bucket | null {
    return this.#bucket;
  }

  get position(): ReadPosition {
    return { pass: this.#pass, sequence: this.#sequence };
  }

  /** The shell has to ask for the stream's last message and say it in a `horizon` event. */
  get needsHorizon(): boolean {
    return this.#bucket !== null && this.#horizon === null;
  }

  /** The horizon lies ahead. Where its message was purged meanwhile, only another horizon helps. */
  get isBehind(): boolean {
    return this.#horizon !== null && this.#sequence < this.#horizon;
  }

  /** The bucket is whole and nothing is missing: the rows are those of the publisher as of `reached`, exactly. */
  get isSettled(): boolean {
    // A bucket that was begun later may, for a while, be behind what was read in the one before.
    return this.#marked && this.#horizon !== null && !this.isBehind && includesRevision(this.#highest!, this.#newest);
  }

  /** Keys that have a row; tombstones aside. */
  get size(): number {
    let size = 0;
    for (const { gone } of this.#rows.values()) if (!gone) size++;
    return size;
  }

  /** Applies one event; returns the rows that it changed. */
  advance(event: ConsumerEvent): readonly RowChange[] {
    if (event.type === 'pass') return this.#begin(event.bucket);
    if (event.type === 'forget') return this.#forget(event.upTo);
    if (this.#bucket === null || compareBuckets(event.bucket, this.#bucket) !== 0) return nothing;
    let changes = nothing;
    if (event.type === 'horizon') {
      // Asked for before the last gap, it may lie before that gap's successor; in another pass, before what that one had read.
      if (event.askedAt.pass === this.#pass && event.askedAt.sequence >= this.#gapAt) this.#horizon = event.sequence;
    } else {
      const { bucket, sequence, key, entry } = event;
      if (sequence <= this.#sequence) return nothing;
      if (sequence !== this.#sequence + 1) {
        this.#gapAt = sequence;
        this.#horizon = null;
      }
      this.#sequence = sequence;
      if (entry !== null) changes = entry.type === 'end' ? this.#mark(entry, bucket) : this.#take(key, entry);
    }
    return this.isSettled ? this.#settle(changes) : changes;
  }

  #begin(bucket: Bucket): readonly RowChange[] {
    // An older bucket that shows up again (NATS restored from a copy) is not read.
    if (this.#bucket !== null && compareBuckets(bucket, this.#bucket) < 0) return nothing;
    this.#bucket = bucket;
    this.#pass++;
    this.#sequence = this.#gapAt = 0;
    this.#horizon = this.#highest = null;
    this.#marked = this.#swept = false;
    return nothing;
  }

  #mark(entry: Entry & { type: 'end' }, bucket: Bucket): readonly RowChange[] {
    if (entry.bucket !== formatBucket(bucket)) return nothing;
    this.#marked = true;
    this.#raise(entry.revision);
    return nothing;
  }

  #raise(revision: Revision): void {
    this.#highest = this.#highest === null ? revision : laterRevision(this.#highest, revision);
    this.#newest = laterRevision(this.#newest, revision);
  }

  #take(key: string, entry: Entry & { type: 'row' | 'tombstone' }): readonly RowChange[] {
    const { revision } = entry;
    const known = this.#rows.get(key);
    this.#raise(revision);
    if (known !== undefined) known.pass = this.#pass;
    if (known !== undefined && compareRevisions(revision, known.revision) <= 0) return nothing;
    const gone = entry.type === 'tombstone';
    const showed = known !== undefined && !known.gone;
    const kept = this.#keepsRows && entry.type === 'row' ? Buffer.from(entry.payload).toString('latin1') : '';
    if (known === undefined) this.#rows.set(key, { revision, gone, pass: this.#pass, kept });
    else Object.assign(known, { revision, gone, kept });
    if (gone && !showed) return nothing;
    return [{ key, revision, payload: entry.type === 'row' ? entry.payload : null }];
  }

  /** Everything up to the highest revision of this pass has been read. */
  #settle(changes: readonly RowChange[]): readonly RowChange[] {
    const revision = this.#highest!;
    this.#reached = this.#reached === null ? revision : laterRevision(this.#reached, revision);
    if (this.#swept) return changes;
    this.#swept = true;
    const swept: RowChange[] = [];
    for (const [key, { pass, gone }] of this.#rows) {
      if (pass === this.#pass) continue;
      this.#rows.delete(key);
      if (!gone) swept.push({ key, revision, payload: null });
    }
    return swept.length === 0 ? changes : [...changes, ...swept];
  }

  #forget(upTo: Revision): readonly RowChange[] {
    for (const [key, { gone, revision }] of this.#rows) if (gone && compareRevisions(revision, upTo) <= 0) this.#rows.delete(key);
    return nothing;
  }
}
