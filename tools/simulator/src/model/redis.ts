import type { Revision } from '@myelin/contracts/types';
import type { ExpiredTombstone, IncarnationLook, ListedRow, Place, QueuedWrite, RelayAnswers } from '@myelin/outbox';
import { compareRevisions } from '@myelin/revision';
import { type Bucket, formatBucket, type Write } from '@myelin/state-stream';
import { Refusal } from '../machine.ts';

/** What a script answers under another incarnation than the caller's. */
export class OtherIncarnation extends Refusal {
  readonly believed: bigint;

  constructor(believed: bigint) {
    super(`Redis has another incarnation than ${believed}`);
    this.believed = believed;
  }
}

export interface Row {
  readonly revision: Revision;
  /** Null: a tombstone. */
  readonly value: string | null;
  readonly removedAtMs: number;
}

/** All changes up to `counter` were in the bucket at `atMs`. */
interface Sample {
  readonly atMs: number;
  readonly counter: bigint;
}

/** What a Redis holds of one kind; all of it is lost at once. */
interface Contents {
  incarnation: bigint | null;
  /** Its rows are not back. */
  isRecovering: boolean;
  /** The incarnation for which an operator gave up what is missing. */
  accepted: bigint | null;
  life: string | null;
  counter: bigint;
  rows: Map<string, Row>;
  outbox: QueuedWrite[];
  bucket: { number: number; sequence: number };
  published: Revision | null;
  /** How far the bucket had got when tombstones were looked for. */
  samples: readonly Sample[];
  lease: { owner: string; untilMs: number } | null;
  entries: number;
}

const empty = (): Contents => ({
  incarnation: null,
  isRecovering: false,
  accepted: null,
  life: null,
  counter: 0n,
  rows: new Map(),
  outbox: [],
  bucket: { number: 0, sequence: 0 },
  published: null,
  samples: [],
  lease: null,
  entries: 0,
});

/**
 * Redis with the scripts of libs/outbox, for one kind: each method is one script, atomic as Redis runs it. redis.int.spec.ts holds it against the real
 * scripts in a real Redis.
 */
export class RedisModel {
  #contents = empty();
  readonly #kind: string;
  protected readonly nowMs: () => number;
  /** Told of every state that rows have been in, as the revision after the change. */
  readonly #onState: (revision: Revision, rows: ReadonlyMap<string, string>) => void;

  constructor(kind: string, nowMs: () => number, onState: (revision: Revision, rows: ReadonlyMap<string, string>) => void = () => {}) {
    this.#kind = kind;
    this.nowMs = nowMs;
    this.#onState = onState;
  }

  /** Loses everything. */
  wipe(): void {
    this.#contents = empty();
  }

  get incarnation(): bigint | null {
    return this.#contents.incarnation;
  }

  get revision(): Revision {
    return { incarnation: this.#contents.incarnation ?? 0n, counter: this.#contents.counter };
  }

  /** What is remembered of the bucket. */
  get bucket(): { readonly number: number; readonly sequence: number } {
    return this.#contents.bucket;
  }

  get outboxLength(): number {
    return this.#contents.outbox.length;
  }

  /** The rows that are there. */
  get rows(): ReadonlyMap<string, string> {
    return new Map([...this.#contents.rows].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]])));
  }

  /** Whether the scripts say of a revision that it has been published. */
  isPublished(revision: Revision): boolean {
    const { published } = this.#contents;
    return published !== null && published.incarnation === revision.incarnation && published.counter >= revision.counter;
  }

  get isRecovering(): boolean {
    return this.#contents.isRecovering;
  }

  /** Whoever sets up a cluster opens its first incarnation. */
  begin(): void {
    this.#contents.incarnation = BigInt(this.nowMs());
    this.#note();
  }

  look(name: string): IncarnationLook {
    const { incarnation, isRecovering } = this.#contents;
    if (incarnation !== null) return { word: 'open', incarnation, isRecovering };
    this.#contents.life ??= name;
    return { word: 'empty', life: this.#contents.life };
  }

  open(life: string, greatest: bigint): void {
    const { incarnation } = this.#contents;
    if (incarnation !== null || this.#contents.life !== life) return;
    const time = BigInt(this.nowMs());
    this.#contents.incarnation = time > greatest ? time : greatest + 1n;
    this.#contents.isRecovering = true;
    this.#note();
  }

  /** An operator's word: what is missing in this incarnation is given up. */
  accept(incarnation: bigint): void {
    if (this.isNamed(incarnation) && this.#contents.isRecovering) this.#contents.accepted = this.#contents.incarnation;
  }

  /** Null: nothing is recovering; else whether an operator gave up what is missing. */
  standing(incarnation: bigint): { readonly isAccepted: boolean } | null {
    this.#believe(incarnation);
    return this.#contents.isRecovering ? { isAccepted: this.#contents.accepted === incarnation } : null;
  }

  /** Brings rows back. */
  restore(incarnation: bigint, rows: ReadonlyMap<string, string>): void {
    this.#believe(incarnation);
    if (!this.#contents.isRecovering) return;
    for (const [key, value] of rows) this.#announce(key, { revision: this.#nextRevision(), value, removedAtMs: 0 });
    this.#contents.isRecovering = false;
    this.#note();
  }

  /** Whether the operator means the present incarnation. */
  protected isNamed(incarnation: bigint): boolean {
    return this.#contents.incarnation === incarnation;
  }

  /** `value` null removes. Returns the revision of the row after it; null where there was nothing to remove. */
  change(incarnation: bigint, key: string, value: string | null): Revision | null {
    this.#believe(incarnation);
    const row = this.#contents.rows.get(key);
    const before = row?.value ?? null;
    if (value === null && before === null) return null;
    if (value === before && row!.revision.incarnation === incarnation) return row!.revision;
    const revision = this.#nextRevision();
    this.#announce(key, { revision, value, removedAtMs: this.nowMs() });
    this.#note();
    return revision;
  }

  holdLease(incarnation: bigint, owner: string, ms: number, renew: boolean): RelayAnswers['hold lease'] {
    this.#believe(incarnation);
    const nowMs = this.nowMs();
    const { lease } = this.#contents;
    const holder = lease !== null && lease.untilMs > nowMs ? lease.owner : null;
    if ((holder !== null && holder !== owner) || (!renew && holder === null)) return { isHeld: false, incarnation, nowMs: 0 };
    if (renew) this.#contents.lease = { owner, untilMs: nowMs + ms };
    return { isHeld: true, incarnation, nowMs };
  }

  recall(incarnation: bigint): RelayAnswers['recall bucket'] {
    this.#believe(incarnation);
    const { number, sequence } = this.#contents.bucket;
    return { bucket: { kind: this.#kind, incarnation, number }, sequence };
  }

  raise(lost: Bucket, beyond: number): number | null {
    this.#believe(lost.incarnation);
    if (this.#contents.bucket.number !== lost.number) return null;
    const number = this.nextNumber(Math.max(lost.number, beyond));
    this.#contents.bucket = { number, sequence: 0 };
    this.#contents.samples = [];
    this.#contents.outbox = [];
    const sorted = [...this.#contents.rows].sort(([, a], [, b]) => compareRevisions(a.revision, b.revision));
    for (const [key, row] of sorted) this.#announce(key, row);
    const bucket = formatBucket({ ...lost, number });
    this.#queue({ key: '', entry: { type: 'end', bucket, revision: this.revision } });
    return number;
  }

  fetch(limit: number): readonly QueuedWrite[] {
    return this.#contents.outbox.slice(0, limit);
  }

  acknowledge({ bucket, sequence }: Place, { id, revisionText }: QueuedWrite): boolean {
    this.#believe(bucket.incarnation);
    const state = this.#contents.bucket;
    if (state.number !== bucket.number) return false;
    this.#contents.outbox = this.#contents.outbox.filter((entry) => Number(entry.id) > Number(id));
    state.sequence = Math.max(state.sequence, sequence);
    const [of, counter] = revisionText.split(' ').map(BigInt);
    const revision = { incarnation: of!, counter: counter! };
    if (!this.isPublished(revision)) this.#contents.published = revision;
    return true;
  }

  expired({ incarnation }: Bucket, keepMs: number, limit: number): readonly ExpiredTombstone[] {
    this.#believe(incarnation);
    const nowMs = this.nowMs();
    const first = this.#contents.outbox[0];
    const published = first === undefined ? this.#contents.counter : BigInt(first.revisionText.split(' ')[1]!) - 1n;
    const known = this.#contents.samples;
    const isDue = known.length === 0 || nowMs - known.at(-1)!.atMs >= keepMs / 60;
    const samples = isDue ? [...known, { atMs: nowMs, counter: published }] : known;
    const newestOld = samples.findLastIndex(({ atMs }) => atMs <= nowMs - keepMs);
    this.#contents.samples = samples.slice(Math.max(newestOld, 0));
    return [...this.#contents.rows]
      .filter(([, row]) => row.value === null && row.revision.incarnation === incarnation)
      .filter(([, row]) => this.hasWaited(row, samples[newestOld]?.counter ?? null, keepMs) && this.isBehind(row.revision, published))
      .slice(0, limit)
      .map(([key, row]) => ({ key, record: recordOf(row) }));
  }

  forget({ incarnation, number }: Bucket, tombstones: readonly ExpiredTombstone[]): void {
    this.#believe(incarnation);
    if (this.#contents.bucket.number !== number) return;
    for (const { key, record } of tombstones) {
      const row = this.#contents.rows.get(key);
      if (row !== undefined && recordOf(row) === record) this.#contents.rows.delete(key);
    }
  }

  /** Pages of rows by the order of their keys; null while something waits, or is being recovered. */
  listRows({ incarnation }: Bucket, cursor: string, limit: number): RelayAnswers['list rows'] {
    this.#believe(incarnation);
    if (this.isBusy()) return null;
    const keys = [...this.#contents.rows.keys()].sort();
    const at = Number(cursor);
    const rows = keys.slice(at, at + limit).map((key) => {
      const row = this.#contents.rows.get(key)!;
      return { key, record: recordOf(row), write: writeOf(key, row) };
    });
    return { cursor: at + limit < keys.length ? `${at + limit}` : '0', rows };
  }

  queueAgain({ incarnation, number }: Bucket, rows: readonly ListedRow[]): number {
    this.#believe(incarnation);
    if (this.#contents.isRecovering || this.#contents.bucket.number !== number) return 0;
    const same = rows.filter(({ key, record }) => this.isAsListed(this.#contents.rows.get(key), record));
    for (const { key } of same) this.#announce(key, { ...this.#contents.rows.get(key)!, revision: this.#nextRevision() });
    if (same.length > 0) this.#note();
    return same.length;
  }

  /** Whether what a bucket holds can't be all that Redis has. */
  protected isBusy(): boolean {
    return this.#contents.isRecovering || this.#contents.outbox.length > 0;
  }

  protected isAsListed(row: Row | undefined, record: string): boolean {
    return row !== undefined && recordOf(row) === record;
  }

  /** Whether a tombstone has been in the bucket for `keepMs`. `sampled`: what was there by then; null: nobody knows. */
  protected hasWaited({ revision }: Row, sampled: bigint | null, _keepMs: number): boolean {
    return sampled !== null && revision.counter <= sampled;
  }

  /** Whether something has been published behind it: up to `published`, all is. */
  protected isBehind(revision: Revision, published: bigint): boolean {
    return revision.counter < published;
  }

  /** The number of the bucket after `last`. */
  protected nextNumber(last: number): number {
    return last + 1;
  }

  #believe(incarnation: bigint): void {
    if (this.#contents.incarnation !== incarnation) throw new OtherIncarnation(incarnation);
  }

  #nextRevision(): Revision {
    this.#contents.counter++;
    return this.revision;
  }

  #announce(key: string, row: Row): void {
    this.#contents.rows.set(key, row);
    this.#queue(writeOf(key, row));
  }

  #queue(write: Write): void {
    const { incarnation, counter } = write.entry.revision;
    this.#contents.outbox.push({ id: `${++this.#contents.entries}`, incarnation, revisionText: `${incarnation} ${counter}`, write });
  }

  #note(): void {
    this.#onState(this.revision, this.rows);
  }
}

function writeOf(key: string, { revision, value }: Row): Write {
  return { key, entry: value === null ? { type: 'tombstone', revision } : { type: 'row', revision, payload: Buffer.from(value) } };
}

function recordOf({ revision, value, removedAtMs }: Row): string {
  return `${revision.incarnation} ${revision.counter} ${value === null ? `- ${removedAtMs}` : `+ ${value}`}`;
}

/** A state of rows as text: equal states, equal texts. */
export function textOf(rows: ReadonlyMap<string, string>): string {
  return [...rows]
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(' ');
}
