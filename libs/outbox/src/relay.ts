import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, type Condition, isMyelinError, type Log, MyelinError, type Readiness } from '@myelin/service';
import {
  type Bucket,
  BucketWriter,
  compareBuckets,
  createBucket,
  deleteBucket,
  formatBucket,
  lastSequenceOf,
  listBuckets,
  type NatsLink,
  openJetStream,
  type StreamKind,
  type Write,
} from '@myelin/state-stream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Counter, Meter } from '@opentelemetry/api';
import { Outbox } from './outbox.ts';
import { type OutboxEntry, revisionTextOf, writeOf } from './record.ts';
import type { RedisLink } from './redis-link.ts';
import { stateScript } from './script.ts';
import { acknowledge, bucketState, raiseBucket } from './scripts/bucket.lua.ts';
import type { Store } from './store.ts';
import { TombstoneSweeper } from './tombstone-sweeper.ts';

/** What a relay needs. */
export interface RelayOptions<Row> {
  readonly kind: StreamKind<Row>;
  readonly redis: RedisLink;
  readonly store: Store;
  readonly nats: NatsLink;
  readonly log: Log;
  readonly meter: Meter;
  /** Gets the condition `relay <kind>`. */
  readonly readiness: Readiness;
}

const state = stateScript(bucketState);
const raise = stateScript(raiseBucket);
const acknowledged = stateScript(acknowledge);

const batchEntries = 512;
const waitMs = 2000;
const retryMs = 200;

/** Where a relay writes, and where that stands. */
interface Session {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly writer: BucketWriter;
}

/**
 * Publishes one kind's outbox to its bucket, in order (design C2). Whatever it is unsure of, it reads again: it keeps nothing that Redis and NATS
 * don't hold, so it may be killed at any point, and a second one that runs beside it does no harm.
 */
export class Relay<Row> implements Component {
  readonly name: string;
  readonly #options: RelayOptions<Row>;
  readonly #outbox: Outbox;
  readonly #condition: Condition;
  readonly #sweeper: TombstoneSweeper;
  readonly #published: Counter;
  readonly #repeated: Counter;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: RelayOptions<Row>) {
    const { kind, redis, store, meter, readiness } = options;
    this.name = `relay of ${kind.name}`;
    this.#options = options;
    this.#outbox = new Outbox(kind.name, redis);
    this.#sweeper = new TombstoneSweeper(kind.name, store);
    this.#condition = readiness.condition(`relay ${kind.name}`, 'nothing published yet');
    this.#published = meter.createCounter('outbox_published', { description: 'Changes published to a state stream, by kind' });
    meter
      .createObservableGauge('outbox_entries', { description: 'Changes that wait to be published, by kind' })
      .addCallback(async (result) => {
        const entries = await this.#outbox.length().catch(() => null);
        if (entries !== null) result.observe(entries, { kind: kind.name });
      });
    this.#repeated = meter.createCounter('outbox_repeated', { description: 'Batches that had to be read and written again, by kind' });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#outbox.close();
    await this.#running;
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { log, kind } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#relay(await this.#open());
      } catch (error) {
        if (this.#stopped) break;
        const reason = (error as Error).message;
        this.#condition.missing(reason);
        this.#repeated.add(1, { kind: kind.name });
        if (isMyelinError(error)) log.warn({ kind: kind.name, reason }, 'publishing was interrupted');
        else log.error({ kind: kind.name, err: error }, 'publishing was interrupted');
        await sleep(retryMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }

  /** Finds the bucket that Redis names, or begins the next one where NATS has lost it or has lost part of it. */
  async #open(): Promise<Session> {
    const { kind, store, nats } = this.#options;
    await this.#options.redis.connected(this.#stopping.signal);
    const incarnation = await store.incarnation(this.#stopping.signal);
    const connection = await nats.connection(this.#stopping.signal);
    const manager = await openJetStream(connection).catch(toUnavailable);
    const [, number, sequence] = await store.run(state, kind.name);
    const bucket: Bucket = { kind: kind.name, incarnation, number: Number(number) };
    const newest = (await listBuckets(manager, kind.name).catch(toUnavailable)).at(-1);
    if (newest !== undefined && newest.incarnation > incarnation) {
      throw new MyelinError(
        'failed_precondition',
        `NATS holds ${formatBucket(newest)}, newer than Redis' incarnation ${incarnation}: is this an old copy of Redis?`,
      );
    }
    const last = bucket.number === 0 ? null : await lastSequenceOf(manager, bucket).catch(toUnavailable);
    const beyond = newest?.incarnation === incarnation ? newest.number : 0;
    if (last !== null && last >= Number(sequence) && beyond <= bucket.number)
      return { connection, manager, writer: await this.#writer(connection, manager, bucket) };
    return this.#begin(connection, manager, bucket, beyond);
  }

  async #begin(connection: NatsConnection, manager: JetStreamManager, lost: Bucket, beyond: number): Promise<Session> {
    const { kind, store, log } = this.#options;
    const [word, number] = await store.run(raise, kind.name, lost.number, beyond);
    if (word !== 'ok') throw new MyelinError('aborted', `another relay has begun bucket ${number}`);
    const bucket = { ...lost, number: Number(number) };
    await createBucket(connection, bucket).catch(toUnavailable);
    log.info({ bucket: formatBucket(bucket) }, 'began a bucket');
    return { connection, manager, writer: await this.#writer(connection, manager, bucket) };
  }

  async #writer(connection: NatsConnection, manager: JetStreamManager, bucket: Bucket): Promise<BucketWriter> {
    const writer = await BucketWriter.open(connection, manager, bucket).catch(toUnavailable);
    if (writer === null) throw new MyelinError('unavailable', `bucket ${formatBucket(bucket)} is gone`);
    return writer;
  }

  /** Publishes batch after batch; throws when it is unsure of one. */
  async #relay({ writer, manager }: Session): Promise<void> {
    const { kind, store } = this.#options;
    // A batch may have been written before, by this relay or another: the first one is compared.
    let compare = true;
    while (!this.#stopped) {
      const entries = await this.#outbox.head(batchEntries, compare ? 1 : waitMs).catch(toUnavailable);
      const batch = entries.map((entry) => this.#writeOf(entry, writer.bucket)).filter((write) => write !== null);
      const { outcome, ...why } = compare ? await writer.writeGreater(batch).catch(toUnavailable) : await writer.write(batch);
      if (outcome === 'unsure')
        throw new MyelinError('aborted', 'a batch may not have been written', { cause: 'reason' in why ? why.reason : undefined });
      compare = false;
      this.#condition.ready();
      if (entries.length > 0) {
        const last = entries.at(-1)!;
        const { number } = writer.bucket;
        const [word, actual] = await store.run(acknowledged, kind.name, number, last.id, writer.sequence, revisionTextOf(last));
        if (word !== 'ok') throw new MyelinError('aborted', `another relay has begun bucket ${actual}`);
        this.#published.add(entries.length, { kind: kind.name });
        if (batch.some(({ entry }) => entry.type === 'end')) await this.#deleteOlder(manager, writer.bucket);
      }
      await this.#sweeper.sweep(writer, Date.now()).catch(toUnavailable);
    }
  }

  /** A row that can't be encoded must not hold up all others: it is reported and passed over. */
  #writeOf(entry: OutboxEntry, bucket: Bucket): Write | null {
    try {
      return writeOf(this.#options.kind, entry, bucket);
    } catch (err) {
      this.#options.log.error({ err, kind: this.#options.kind.name, entry: entry.id }, 'an outbox entry is unreadable and was passed over');
      return null;
    }
  }

  /** The new bucket is whole: nobody needs those before it. */
  async #deleteOlder(manager: JetStreamManager, current: Bucket): Promise<void> {
    for (const bucket of await listBuckets(manager, current.kind))
      if (compareBuckets(bucket, current) < 0) await deleteBucket(manager, bucket);
  }
}

function toUnavailable(cause: unknown): never {
  if (isMyelinError(cause)) throw cause;
  throw new MyelinError('unavailable', `a store does not answer: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
