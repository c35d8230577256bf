import { MyelinError } from '@myelin/service';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Bucket, formatBucket, keyOfSubject, streamOf } from './bucket.ts';
import { lastMessageOf, listBuckets, openJetStream } from './bucket-store.ts';
import { decodeEntry, type Entry } from './entry.ts';
import { decodeKey } from './key.ts';
import type { NatsWay } from './nats-rights.ts';

/** What a bucket held when it was read: rows and tombstones by key, and the greatest revision. */
export interface WholeBucket {
  readonly bucket: Bucket;
  readonly entries: ReadonlyMap<string, Entry>;
}

const readWithinMs = 20_000;

/**
 * The newest bucket of a kind that is whole: its own end marker stands in it (design C4: half a bucket is never taken for all that there was). Null where there is none.
 * Throws `unavailable` when NATS does not answer.
 */
export async function newestWholeBucket(connection: NatsConnection, kind: string, way: NatsWay): Promise<WholeBucket | null> {
  try {
    const buckets = await listBuckets(await openJetStream(connection, way), kind);
    for (const bucket of buckets.reverse()) {
      const entries = await entriesOf(connection, bucket, way);
      if (entries !== null) return { bucket, entries };
    }
    return null;
  } catch (cause) {
    throw new MyelinError('unavailable', `the buckets of ${kind} can't be read: ${(cause as Error).message}`, { cause });
  }
}

/** All entries up to the message that is the last one now; null where the bucket's end marker isn't among them. */
async function entriesOf(connection: NatsConnection, bucket: Bucket, way: NatsWay): Promise<ReadonlyMap<string, Entry> | null> {
  const last = await lastMessageOf(await openJetStream(connection, way), bucket);
  if (last === 0) return null;
  const filter = `$KV.${formatBucket(bucket)}.>`;
  const consumer = await jetstream(connection, { apiPrefix: way.api }).consumers.get(streamOf(bucket), { filter_subjects: filter });
  const messages = await consumer.consume({ max_messages: 1000, expires: 10_000, idle_heartbeat: 2000, abort_on_missing_resource: true });
  const overdue = setTimeout(() => messages.stop(), readWithinMs);
  const entries = new Map<string, Entry>();
  let isWhole = false;
  let reached = 0;
  try {
    for await (const message of messages) {
      reached = message.info.streamSequence;
      const entry = decodeEntry(message.data);
      const key = decodeKey(keyOfSubject(bucket, message.subject));
      if (entry?.type === 'end') isWhole ||= entry.bucket === formatBucket(bucket);
      else if (entry !== null && key !== null) entries.set(key, entry);
      if (reached >= last) break;
    }
  } finally {
    clearTimeout(overdue);
    messages.stop();
  }
  if (reached < last) throw new Error(`${formatBucket(bucket)} was not read to its end in time`);
  return isWhole ? entries : null;
}
