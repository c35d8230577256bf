import { compareRevisions, type Revision } from '@myelin/revision';

/** A row of a stream that came, or (null) went. */
export interface StateChange<Row> {
  readonly counter: number;
  readonly key: string;
  readonly row: Row | null;
}

/** A bucket in NATS: an incarnation's changes, as far as they have been published. It is always whole: what half a bucket does is shown by world.ts. */
export interface WholeBucket<Row> {
  readonly incarnation: bigint;
  readonly changes: readonly StateChange<Row>[];
  published: number;
}

/** How far a consumer has read: so many changes of this bucket. */
export interface ReadMark<Row> {
  readonly bucket: WholeBucket<Row>;
  readonly at: number;
}

/**
 * A kind's rows and all changes of them in their order, as Redis and NATS keep them together: relays and consumers (simulated by world.ts in their own right) come to nothing else than that somebody at revision r has exactly
 * the rows of r. Redis may lose its part, NATS the bucket.
 */
export class StateLog<Row> {
  changes: StateChange<Row>[] = [];
  readonly rows = new Map<string, { readonly row: Row; readonly revision: Revision }>();
  incarnation: bigint;
  /** What NATS has; null: nothing. */
  bucket: WholeBucket<Row> | null;
  /** What Redis remembers as published. */
  #acknowledged = 0;

  constructor(incarnation: bigint) {
    this.incarnation = incarnation;
    this.bucket = { incarnation, changes: this.changes, published: 0 };
  }

  get revision(): Revision {
    return this.revisionAt(this.changes.length);
  }

  revisionAt(counter: number): Revision {
    return { incarnation: this.incarnation, counter: BigInt(counter) };
  }

  /** How many changes of the present incarnation stand in NATS. */
  get published(): number {
    return this.bucket !== null && this.bucket.incarnation === this.incarnation ? this.bucket.published : 0;
  }

  get isPublishedWhole(): boolean {
    return this.bucket !== null && this.bucket.incarnation === this.incarnation && this.bucket.published === this.changes.length;
  }

  /** The relay goes one step on: the next change, or a new bucket with all that there is. */
  publish(): void {
    const { incarnation, changes, bucket } = this;
    if (bucket !== null && bucket.incarnation === incarnation) bucket.published++;
    else this.bucket = { incarnation, changes, published: changes.length };
    this.#acknowledged = Math.max(this.#acknowledged, this.published);
  }

  /** Redis loses its part. */
  loseRows(): void {
    this.changes = [];
    this.rows.clear();
    this.#acknowledged = 0;
  }

  /** Another incarnation begins, with the rows that there are: each gets a revision of it, in their order. */
  renew(incarnation: bigint): void {
    const kept = [...this.rows].sort(([, a], [, b]) => compareRevisions(a.revision, b.revision));
    this.loseRows();
    this.incarnation = incarnation;
    for (const [key, { row }] of kept) this.set(key, row);
  }

  /** The revision of the row; what is the same already isn't changed. */
  set(key: string, row: Row): Revision {
    const before = this.rows.get(key);
    if (before !== undefined && JSON.stringify(before.row) === JSON.stringify(row)) return before.revision;
    this.changes.push({ counter: this.changes.length + 1, key, row });
    const { revision } = this;
    this.rows.set(key, { row, revision });
    return revision;
  }

  /** The revision of the removal; null where there was nothing. */
  remove(key: string): Revision | null {
    if (!this.rows.delete(key)) return null;
    this.changes.push({ counter: this.changes.length + 1, key, row: null });
    return this.revision;
  }

  isPublished({ incarnation, counter }: Revision): boolean {
    return incarnation === this.incarnation && counter <= BigInt(this.#acknowledged);
  }
}

/** The last change of each key, as whoever has read so far knows it: rows and removals. */
export function knownAt<Row>(mark: ReadMark<Row>): ReadonlyMap<string, { readonly revision: Revision; readonly row: Row | null }> {
  const { incarnation, changes } = mark.bucket;
  return new Map(
    changes.slice(0, mark.at).map(({ key, row, counter }) => [key, { revision: { incarnation, counter: BigInt(counter) }, row }]),
  );
}

/** The rows of those. */
export function rowsAt<Row>(mark: ReadMark<Row>): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const { key, row } of mark.bucket.changes.slice(0, mark.at))
    if (row === null) rows.delete(key);
    else rows.set(key, row);
  return rows;
}

export function revisionOf<Row>({ bucket, at }: ReadMark<Row>): Revision {
  return { incarnation: bucket.incarnation, counter: BigInt(at) };
}

/** One step of a consumer: where it reads next, and what it is to take: the next change, or (`all`) a whole bucket in place of what it had. Null: there is nothing. */
export function nextOf<Row>(
  log: StateLog<Row>,
  mark: ReadMark<Row> | null,
): { readonly mark: ReadMark<Row>; readonly isAll: boolean } | null {
  const { bucket } = log;
  if (bucket === null) return null;
  if (mark !== null && mark.bucket.changes === bucket.changes) {
    // A bucket that was begun again holds what the one before did.
    return mark.at >= bucket.published ? null : { mark: { bucket, at: mark.at + 1 }, isAll: false };
  }
  const next = { bucket, at: bucket.published };
  // Nobody goes back (C3).
  if (mark !== null && compareRevisions(revisionOf(next), revisionOf(mark)) < 0) return null;
  return { mark: next, isAll: true };
}
