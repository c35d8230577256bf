import type { Revision } from '@myelin/contracts/types';
import { formatRevision } from '@myelin/revision';

import { type Bucket, compareBuckets, type Entry, formatBucket, type Write } from '@myelin/state-stream';

/** A value in a bucket, as a stream keeps it: one a key. */
export interface Message {
  readonly sequence: number;
  readonly key: string;
  readonly isMarker: boolean;
  readonly entry: Entry;
}

interface Stream {
  readonly bucket: Bucket;
  last: number;
  lastId: string | null;
  messages: Message[];
}

/** What a value is written on condition of: the stream's last sequence and, within a batch, the id of the value before. */
export interface Condition {
  readonly last: number;
  readonly predecessor: string | null;
}

/** NATS with its key-value buckets of one kind; each method is one request, atomic as the server handles it. nats.int.spec.ts holds it against the real one. */
export class NatsModel {
  protected readonly streams = new Map<string, Stream>();
  /** Told of every value written and the one that it replaces. */
  readonly #onPut: (before: Message | null, after: Message) => void;

  constructor(onPut: (before: Message | null, after: Message) => void = () => {}) {
    this.#onPut = onPut;
  }

  /** Loses everything. */
  wipe(): void {
    this.streams.clear();
  }

  /** Loses what a bucket has behind `last`, as after a crash of the machine. */
  cut(bucket: Bucket, last: number): void {
    const stream = this.streams.get(this.nameOf(bucket));
    if (stream === undefined || stream.last <= last) return;
    stream.last = last;
    stream.lastId = null;
    stream.messages = stream.messages.filter(({ sequence }) => sequence <= last);
  }

  /** All buckets, oldest first. */
  list(): readonly Bucket[] {
    return [...this.streams.values()].map(({ bucket }) => bucket).sort(compareBuckets);
  }

  greatestIncarnation(): bigint {
    return this.list().at(-1)?.incarnation ?? 0n;
  }

  create(bucket: Bucket): void {
    const name = this.nameOf(bucket);
    if (!this.streams.has(name)) this.streams.set(name, { bucket, last: 0, lastId: null, messages: [] });
  }

  delete(bucket: Bucket): void {
    this.streams.delete(this.nameOf(bucket));
  }

  /** Null: no such bucket. */
  lastSequence(bucket: Bucket): number | null {
    return this.streams.get(this.nameOf(bucket))?.last ?? null;
  }

  /** Sequence of the last message that is still there; 0 for none, null for no such bucket. */
  lastMessage(bucket: Bucket): number | null {
    if (!this.streams.has(this.nameOf(bucket))) return null;
    return this.#messages(bucket).at(-1)?.sequence ?? 0;
  }

  get(bucket: Bucket, key: string, isMarker: boolean): Message | null {
    return this.#messages(bucket).find((message) => message.key === key && message.isMarker === isMarker) ?? null;
  }

  /** The first message behind a sequence. */
  after(bucket: Bucket, sequence: number): Message | null {
    return this.#messages(bucket).find((message) => message.sequence > sequence) ?? null;
  }

  /** False where the condition doesn't hold or there is no such bucket. */
  put(bucket: Bucket, { key, entry }: Write, id: string, condition: Condition): boolean {
    const stream = this.streams.get(this.nameOf(bucket));
    const isMarker = entry.type === 'end';
    if (stream === undefined || !this.holds(stream, key, isMarker, condition)) return false;
    const before = this.get(bucket, key, isMarker);
    const message = { sequence: ++stream.last, key, isMarker, entry };
    stream.lastId = id;
    stream.messages = [...stream.messages.filter((one) => one !== before), message];
    this.#onPut(before, message);
    return true;
  }

  /** Removes a key's messages up to a sequence. */
  purge(bucket: Bucket, key: string, upTo: number): void {
    const stream = this.streams.get(this.nameOf(bucket));
    if (stream === undefined) return;
    stream.messages = stream.messages.filter((message) => message.isMarker || message.key !== key || message.sequence > upTo);
  }

  /** Whether a bucket is whole, and its rows and tombstones. */
  contents(bucket: Bucket): { isWhole: boolean; entries: ReadonlyMap<string, { revision: Revision; value: string | null }> } {
    const messages = this.#messages(bucket);
    const isWhole = messages.some(({ entry }) => entry.type === 'end' && entry.bucket === formatBucket(bucket));
    const entries = messages.flatMap(({ key, entry }) => {
      if (entry.type === 'end') return [];
      return [[key, { revision: entry.revision, value: entry.type === 'row' ? Buffer.from(entry.payload).toString() : null }] as const];
    });
    return { isWhole, entries: new Map(entries) };
  }

  protected nameOf(bucket: Bucket): string {
    return formatBucket(bucket);
  }

  protected holds(stream: Stream, _key: string, _isMarker: boolean, { last, predecessor }: Condition): boolean {
    return stream.last === last && (predecessor === null || stream.lastId === predecessor);
  }

  #messages(bucket: Bucket): readonly Message[] {
    return this.streams.get(this.nameOf(bucket))?.messages ?? [];
  }
}

/** "sequence key@revision", for the trace. */
export function describeMessage({ sequence, key, entry }: Message): string {
  const what = entry.type === 'end' ? `end of ${entry.bucket}` : `${key}${entry.type === 'row' ? '' : ' gone'}`;
  return `${sequence} ${what} @${formatRevision(entry.revision)}`;
}

export type { Stream };
