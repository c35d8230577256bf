import { compareRevisions } from '@myelin/revision';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Bucket, compareBuckets, formatBucket } from './bucket.ts';
import { ConsumerState, type ReadPosition, type RowChange } from './consumer-state.ts';
import type { Entry } from './entry.ts';

// A publisher that changes rows, loses NATS and Redis and purges tombstones, its stream as a server keeps it (one value a key, holes where values
// were replaced), and a consumer that reads as slowly as it likes, is interrupted, and asks for the horizon too early or late.

type Step =
  | { readonly type: 'put' | 'remove'; readonly key: number; readonly isPublished: boolean }
  | { readonly type: 'read'; readonly count: number }
  | { readonly type: 'ask' | 'answer' | 'purge' | 'lose NATS' | 'lose Redis' | 'mark' | 'again' | 'repeat' };

const key = fc.integer({ min: 0, max: 2 });
const plain = (type: 'ask' | 'answer' | 'purge' | 'lose NATS' | 'lose Redis' | 'mark' | 'again' | 'repeat') => fc.constant({ type });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constantFrom('put' as const, 'remove' as const), key, isPublished: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('read' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: plain('ask') },
  { weight: 4, arbitrary: plain('answer') },
  { weight: 2, arbitrary: plain('mark') },
  { weight: 1, arbitrary: plain('purge') },
  { weight: 1, arbitrary: plain('lose NATS') },
  { weight: 1, arbitrary: plain('lose Redis') },
  { weight: 1, arbitrary: plain('again') },
  { weight: 1, arbitrary: plain('repeat') },
);

interface Message {
  readonly sequence: number;
  readonly key: string;
  readonly entry: Entry;
}

class Publisher {
  bucket: Bucket = { kind: 'k', incarnation: 1n, number: 1 };
  rows = new Map<string, Entry>();
  counter = 0n;
  stream: Message[] = [];
  last = 0;
  /** States by revision, as the rows that are there. */
  readonly states = new Map<string, string>();
  /** Rows still to be published of a bucket that is being built, then its marker. */
  queue: { key: string; entry: Entry }[] = [];

  constructor() {
    this.rebuild();
  }

  get revision() {
    return { incarnation: this.bucket.incarnation, counter: this.counter };
  }

  change(name: string, isPut: boolean): void {
    const before = this.rows.get(name);
    if (!isPut && before?.type !== 'row') return;
    this.counter++;
    const entry: Entry = isPut
      ? { type: 'row', revision: this.revision, payload: Buffer.from(`${this.counter}`) }
      : { type: 'tombstone', revision: this.revision };
    this.rows.set(name, entry);
    this.note();
    this.queue.push({ key: name, entry });
  }

  note(): void {
    this.states.set(`${this.bucket.incarnation}.${this.counter}`, this.text());
  }

  text(): string {
    const rows = [...this.rows].flatMap(([name, entry]) => (entry.type === 'row' ? [`${name}=${Buffer.from(entry.payload)}`] : []));
    return rows.sort().join(' ');
  }

  rebuild(): void {
    this.stream = [];
    this.last = 0;
    const sorted = [...this.rows].map(([name, entry]) => ({ key: name, entry }));
    sorted.sort((a, b) => compareRevisions(a.entry.revision, b.entry.revision));
    this.queue = [...sorted, { key: '', entry: { type: 'end', revision: this.revision, bucket: formatBucket(this.bucket) } }];
    this.note();
  }

  /** Publishes the first `count` of what waits. */
  publish(count: number): void {
    for (const write of this.queue.splice(0, count)) {
      const isEnd = write.entry.type === 'end';
      this.stream = this.stream.filter((message) => message.key !== write.key || (message.entry.type === 'end') !== isEnd);
      this.stream.push({ sequence: ++this.last, ...write });
    }
  }

  purge(): void {
    if (this.queue.length > 0) return;
    // The last change is never purged: whoever comes later learns from it how far the stream has got.
    const isOld = (entry: Entry | undefined) => entry?.type === 'tombstone' && entry.revision.counter < this.counter;
    this.stream = this.stream.filter(({ entry }) => !isOld(entry));
    for (const [name, entry] of this.rows) if (isOld(entry)) this.rows.delete(name);
  }

  lose(redisToo: boolean): void {
    if (redisToo) {
      this.rows.clear();
      this.counter = 0n;
    }
    this.bucket = redisToo
      ? { kind: 'k', incarnation: this.bucket.incarnation + 1n, number: 1 }
      : { ...this.bucket, number: this.bucket.number + 1 };
    this.rebuild();
  }
}

class Consumer {
  readonly state = new ConsumerState();
  readonly table = new Map<string, string>();
  readonly revisions = new Map<string, RowChange['revision']>();
  pending = new Map<string, RowChange>();
  asked: { bucket: Bucket; sequence: number; askedAt: ReadPosition } | null = null;

  take(changes: readonly RowChange[]): void {
    for (const change of changes) {
      const before = this.revisions.get(change.key);
      if (before !== undefined) expect(compareRevisions(change.revision, before)).toBeGreaterThanOrEqual(0);
      this.revisions.set(change.key, change.revision);
      this.pending.set(change.key, change);
    }
  }

  /** Delivers where that is allowed, and holds the table against the publisher's state of that revision. */
  settle(publisher: Publisher): void {
    if (!this.state.isSettled) return;
    for (const { key: name, payload } of this.pending.values()) {
      if (payload === null) this.table.delete(name);
      else this.table.set(name, Buffer.from(payload).toString());
    }
    this.pending.clear();
    const reached = this.state.reached!;
    const text = [...this.table]
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(' ');
    expect(text).toBe(publisher.states.get(`${reached.incarnation}.${reached.counter}`));
    expect(this.state.size).toBe(this.table.size);
  }

  read(publisher: Publisher, count: number): void {
    const { bucket } = publisher;
    if (this.state.bucket === null || compareBuckets(this.state.bucket, bucket) < 0) this.state.advance({ type: 'pass', bucket });
    const ahead = publisher.stream.filter(({ sequence }) => sequence > this.state.position.sequence).slice(0, count);
    for (const { sequence, key: name, entry } of ahead) {
      this.take(this.state.advance({ type: 'message', bucket, sequence, key: name, entry }));
      this.settle(publisher);
    }
  }

  readAgain({ bucket }: Publisher): void {
    if (this.state.bucket !== null && compareBuckets(this.state.bucket, bucket) === 0) this.state.advance({ type: 'pass', bucket });
  }

  ask(publisher: Publisher): void {
    if (this.state.bucket === null || compareBuckets(this.state.bucket, publisher.bucket) !== 0) return;
    this.asked = { bucket: publisher.bucket, sequence: publisher.stream.at(-1)?.sequence ?? 0, askedAt: this.state.position };
  }

  answer(publisher: Publisher): void {
    if (this.asked === null) return;
    this.take(this.state.advance({ type: 'horizon', ...this.asked }));
    this.asked = null;
    this.settle(publisher);
  }
}

function run(steps: readonly Step[]): void {
  const publisher = new Publisher();
  const consumer = new Consumer();
  let reached = consumer.state.reached;
  for (const current of steps) {
    if (current.type === 'put' || current.type === 'remove') {
      publisher.change(`${current.key}`, current.type === 'put');
      if (current.isPublished) publisher.publish(Number.MAX_SAFE_INTEGER);
    } else if (current.type === 'read') consumer.read(publisher, current.count);
    else if (current.type === 'ask') consumer.ask(publisher);
    else if (current.type === 'answer') consumer.answer(publisher);
    else if (current.type === 'mark') publisher.publish(3);
    else if (current.type === 'purge') {
      publisher.purge();
      // A tombstone lives an hour. Who hasn't read it by then has been silent for longer than half of that, and reads everything again (retention.ts).
      consumer.readAgain(publisher);
    } else if (current.type === 'lose NATS') publisher.lose(false);
    else if (current.type === 'lose Redis') publisher.lose(true);
    else if (current.type === 'again') consumer.readAgain(publisher);
    else if (current.type === 'repeat' && consumer.state.bucket !== null) {
      // Delivered twice, or from a bucket that is not read any more.
      const message = publisher.stream.find(({ sequence }) => sequence <= consumer.state.position.sequence);
      const old = { kind: 'k', incarnation: 0n, number: 1 };
      expect(message === undefined ? [] : consumer.state.advance({ type: 'message', bucket: old, ...message })).toEqual([]);
      if (message !== undefined && compareBuckets(consumer.state.bucket, publisher.bucket) === 0)
        expect(consumer.state.advance({ type: 'message', bucket: publisher.bucket, ...message })).toEqual([]);
      const { bucket } = consumer.state;
      consumer.state.advance({ type: 'pass', bucket: old });
      expect(consumer.state.bucket).toBe(bucket);
    }
    const now = consumer.state.reached;
    if (reached !== null) expect(compareRevisions(now!, reached)).toBeGreaterThanOrEqual(0);
    reached = now;
  }
  // Left alone for long enough, everything arrives.
  publisher.publish(Number.MAX_SAFE_INTEGER);
  consumer.asked = null;
  consumer.read(publisher, Number.MAX_SAFE_INTEGER);
  consumer.ask(publisher);
  consumer.answer(publisher);
  expect(consumer.state.isSettled).toBe(true);
  expect(consumer.state.reached).toEqual(publisher.revision);
}

it('whatever is changed, lost, purged, skipped or repeated: a consumer at revision r has exactly the rows of r, never goes back, and arrives', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => run(steps)),
    { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 200_000 : 5000 },
  );
});
