import { randomUUID } from 'node:crypto';
import type { Revision } from '@myelin/contracts/types';
import { compareRevisions } from '@myelin/revision';
import { type JetStreamClient, type JetStreamManager, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Bucket, streamOf, subjectOf } from './bucket.ts';
import { lastSequenceOf } from './bucket-store.ts';
import { decodeEntry, type Entry, encodeEntry, mayReplace } from './entry.ts';
import { encodeKey, endMarkerKey } from './key.ts';

/** One value to be written. `key` is the row's own; an end marker has none. */
export interface Write {
  readonly key: string;
  readonly entry: Entry;
}

/** What became of a batch. `unsure`: some of it may have been written; read again and write what is greater. */
export type WriteOutcome = { readonly outcome: 'written' } | { readonly outcome: 'unsure'; readonly reason: Error };

/** How long an acknowledgement may take before a batch counts as unsure. */
const acknowledgeWithinMs = 2000;

/**
 * Writes one bucket, each value on condition that nobody else has written anything to the bucket meanwhile (design C2: the condition is on the
 * stream's sequence, not the key's). A batch is sent without waiting in between: when one value is refused, all behind it must be too. The sequence
 * alone does not give that (somebody else's write in the place of a refused one makes the next one's number fit), so each value also names its
 * predecessor in the batch.
 */
export class BucketWriter {
  readonly bucket: Bucket;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  #sequence: number;

  private constructor(bucket: Bucket, client: JetStreamClient, manager: JetStreamManager, sequence: number) {
    this.bucket = bucket;
    this.#client = client;
    this.#manager = manager;
    this.#sequence = sequence;
  }

  /** Null where the bucket does not exist. */
  static async open(connection: NatsConnection, manager: JetStreamManager, bucket: Bucket): Promise<BucketWriter | null> {
    const sequence = await lastSequenceOf(manager, bucket);
    return sequence === null ? null : new BucketWriter(bucket, jetstream(connection, { timeout: acknowledgeWithinMs }), manager, sequence);
  }

  /** The stream's last sequence, as far as this writer knows. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Writes all, in order. For a writer that has the bucket to itself: after `unsure`, go on with `writeGreater` on a newly opened writer. */
  async write(writes: readonly Write[]): Promise<WriteOutcome> {
    const first = this.#sequence;
    const batch = randomUUID();
    const acknowledgements = writes.map(({ key, entry }, i) =>
      this.#client.publish(this.#subject(key, entry), encodeEntry(entry), {
        msgID: `${batch}.${i}`,
        expect: { lastSequence: first + i, ...(i === 0 ? {} : { lastMsgID: `${batch}.${i - 1}` }) },
        timeout: acknowledgeWithinMs,
        retries: 1,
      }),
    );
    const results = await Promise.allSettled(acknowledgements);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) return { outcome: 'unsure', reason: failed.reason as Error };
    this.#sequence = first + writes.length;
    return { outcome: 'written' };
  }

  /** Writes, in order, what is greater than what its key holds. Nothing can come between reading and writing: the condition is the sequence from before. */
  async writeGreater(writes: readonly Write[]): Promise<WriteOutcome> {
    const latest = new Map<string, Write>();
    const wanted: Write[] = [];
    const stored = await Promise.all(writes.map((write) => this.read(write.key, write.entry.type === 'end')));
    for (const [i, write] of writes.entries()) {
      const subject = this.#subject(write.key, write.entry);
      const before = latest.get(subject)?.entry ?? stored[i]!;
      if (!mayReplace(before, write.entry)) continue;
      latest.set(subject, write);
      wanted.push(write);
    }
    return this.write(wanted);
  }

  /** What a key (or the end marker) holds now; null for nothing, or nothing of ours. */
  async read(key: string, isEndMarker = false): Promise<Entry | null> {
    const subject = subjectOf(this.bucket, isEndMarker ? endMarkerKey : encodeKey(key));
    const message = await this.#manager.streams.getMessage(streamOf(this.bucket), { last_by_subj: subject });
    return message === null ? null : decodeEntry(message.data);
  }

  /** Purges a key's tombstone up to a revision, and nothing that has come after it. Where there is none, that is success. */
  async purgeTombstone(key: string, upTo: Revision): Promise<void> {
    const filter = subjectOf(this.bucket, encodeKey(key));
    const message = await this.#manager.streams.getMessage(streamOf(this.bucket), { last_by_subj: filter });
    const entry = message === null ? null : decodeEntry(message.data);
    if (message === null || entry?.type !== 'tombstone' || compareRevisions(entry.revision, upTo) > 0) return;
    await this.#manager.streams.purge(streamOf(this.bucket), { filter, seq: message.seq + 1 });
  }

  #subject(key: string, entry: Entry): string {
    return subjectOf(this.bucket, entry.type === 'end' ? endMarkerKey : encodeKey(key));
  }
}
