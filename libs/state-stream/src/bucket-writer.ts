import { randomUUID } from 'node:crypto';
import type { Revision } from '@myelin/contracts/types';
import { compareRevisions } from '@myelin/revision';
import { type JetStreamClient, type JetStreamManager, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Bucket, streamOf, subjectOf } from './bucket.ts';
import { decodeEntry, type Entry, encodeEntry } from './entry.ts';
import { encodeKey, endMarkerKey } from './key.ts';

/** One value to be written. `key` is the row's own; an end marker has none. */
export interface Write {
  readonly key: string;
  readonly entry: Entry;
}

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

  constructor(bucket: Bucket, connection: NatsConnection, manager: JetStreamManager) {
    this.bucket = bucket;
    this.#client = jetstream(connection, { timeout: acknowledgeWithinMs });
    this.#manager = manager;
  }

  /**
   * Writes all, in order, behind the stream's `last` sequence. False: refused, or nobody knows, and then some of it may have been written: read again and
   * write what is greater.
   */
  async write(last: number, writes: readonly Write[]): Promise<boolean> {
    const batch = randomUUID();
    const acknowledgements = writes.map(({ key, entry }, i) =>
      this.#client.publish(this.#subject(key, entry), encodeEntry(entry), {
        msgID: `${batch}.${i}`,
        expect: { lastSequence: last + i, ...(i === 0 ? {} : { lastMsgID: `${batch}.${i - 1}` }) },
        timeout: acknowledgeWithinMs,
        retries: 1,
      }),
    );
    const results = await Promise.allSettled(acknowledgements);
    return results.every(({ status }) => status === 'fulfilled');
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
