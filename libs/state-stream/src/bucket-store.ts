import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Bucket, bucketOfStream, compareBuckets, formatBucket, streamOf, subjectOf } from './bucket.ts';
import type { NatsWay } from './nats-rights.ts';

/** Opens JetStream's management API, of the account that `way` leads to (default: the own one); throws when JetStream is off or not up yet. */
export function openJetStream(connection: NatsConnection, way?: Pick<NatsWay, 'api'>): Promise<JetStreamManager> {
  return jetstreamManager(connection, { timeout: 2000, ...(way === undefined ? {} : { apiPrefix: way.api }) });
}

/** All buckets of the kind, oldest first. */
export async function listBuckets(manager: JetStreamManager, kind: string): Promise<Bucket[]> {
  const buckets: Bucket[] = [];
  for await (const name of manager.streams.names()) {
    const bucket = bucketOfStream(name);
    if (bucket?.kind === kind) buckets.push(bucket);
  }
  return buckets.sort(compareBuckets);
}

/** The greatest incarnation that any bucket of any kind bears, in all accounts that `ways` lead to; 0 where there is none. */
export async function greatestIncarnation(connection: NatsConnection, ways: readonly NatsWay[]): Promise<bigint> {
  let greatest = 0n;
  for (const way of ways)
    for await (const name of (await openJetStream(connection, way)).streams.names()) {
      const bucket = bucketOfStream(name);
      if (bucket !== null && bucket.incarnation > greatest) greatest = bucket.incarnation;
    }
  return greatest;
}

/** The stream's last sequence; null where the bucket does not exist. Other failures are thrown. */
export async function lastSequenceOf(manager: JetStreamManager, bucket: Bucket): Promise<number | null> {
  try {
    return (await manager.streams.info(streamOf(bucket))).state.last_seq;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Sequence of the last message that is still there; 0 for an empty bucket. Unlike the stream's last sequence it is one that a reader can reach. */
export async function lastMessageOf(manager: JetStreamManager, bucket: Bucket): Promise<number> {
  const message = await manager.streams.getMessage(streamOf(bucket), { last_by_subj: subjectOf(bucket, '>') });
  return message === null ? 0 : message.seq;
}

/** Creates the bucket; one that exists is left as it is. One value a key: history is Redis's business. */
export async function createBucket(connection: NatsConnection, bucket: Bucket): Promise<void> {
  await new Kvm(connection).create(formatBucket(bucket), { history: 1, description: `Myelin state stream of ${bucket.kind}` });
}

/** Removes the bucket with all it holds; a missing one is success. */
export async function deleteBucket(manager: JetStreamManager, bucket: Bucket): Promise<void> {
  try {
    await manager.streams.delete(streamOf(bucket));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}
