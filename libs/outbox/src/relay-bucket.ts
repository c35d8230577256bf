import { isMyelinError, MyelinError } from '@myelin/service';
import {
  type Bucket,
  BucketWriter,
  compareBuckets,
  createBucket,
  deleteBucket,
  type Entry,
  lastSequenceOf,
  listBuckets,
  type NatsLink,
  openJetStream,
  type Write,
} from '@myelin/state-stream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { parseRecord } from './record.ts';
import type { ExpiredTombstone, ListedRow, Place } from './relay-state.ts';

/** A relay's deeds in NATS. All throw `unavailable` when that is away. */
export class RelayBucket {
  readonly #nats: NatsLink;
  readonly #signal: AbortSignal;
  #manager: JetStreamManager | null = null;

  constructor(nats: NatsLink, signal: AbortSignal) {
    this.#nats = nats;
    this.#signal = signal;
  }

  async newest(kind: string): Promise<Bucket | null> {
    return this.#use(async (manager) => (await listBuckets(manager, kind)).at(-1) ?? null);
  }

  async lastSequence(bucket: Bucket): Promise<number | null> {
    return this.#use((manager) => lastSequenceOf(manager, bucket));
  }

  async create(bucket: Bucket): Promise<null> {
    await this.#use((_manager, connection) => createBucket(connection, bucket));
    return null;
  }

  async stored(bucket: Bucket, writes: readonly Write[]): Promise<readonly (Entry | null)[]> {
    return this.#write(bucket, (writer) => Promise.all(writes.map(({ key, entry }) => writer.read(key, entry.type === 'end'))));
  }

  async lookUp(bucket: Bucket, rows: readonly ListedRow[]): Promise<readonly (Entry | null)[]> {
    return this.#write(bucket, (writer) => Promise.all(rows.map(({ key }) => writer.read(key, false))));
  }

  async write({ bucket, sequence }: Place, writes: readonly Write[]): Promise<boolean> {
    return this.#write(bucket, (writer) => writer.write(sequence, writes));
  }

  async purge(bucket: Bucket, tombstones: readonly ExpiredTombstone[]): Promise<null> {
    return this.#write(bucket, async (writer) => {
      for (const { key, record } of tombstones) await writer.purgeTombstone(key, parseRecord(record).revision);
      return null;
    });
  }

  /** The bucket is whole: nobody needs those before it. */
  async deleteOlder(current: Bucket): Promise<null> {
    return this.#use(async (manager) => {
      for (const bucket of await listBuckets(manager, current.kind))
        if (compareBuckets(bucket, current) < 0) await deleteBucket(manager, bucket);
      return null;
    });
  }

  #write<T>(bucket: Bucket, act: (writer: BucketWriter) => Promise<T>): Promise<T> {
    return this.#use((manager, connection) => act(new BucketWriter(bucket, connection, manager)));
  }

  async #use<T>(act: (manager: JetStreamManager, connection: NatsConnection) => Promise<T>): Promise<T> {
    const connection = await this.#nats.connection(this.#signal);
    try {
      this.#manager ??= await openJetStream(connection);
      return await act(this.#manager, connection);
    } catch (cause) {
      if (isMyelinError(cause)) throw cause;
      throw new MyelinError('unavailable', `NATS does not answer: ${(cause as Error).message}`, { cause });
    }
  }
}
