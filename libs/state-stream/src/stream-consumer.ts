import { setTimeout as sleep } from 'node:timers/promises';
import type { Revision } from '@myelin/contracts/types';
import { formatRevision, includesRevision } from '@myelin/revision';
import { type Component, type Condition, Gate, type Log, MyelinError, type Readiness } from '@myelin/service';
import { type ConsumerMessages, type JetStreamManager, type JsMsg, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { batchOf, type StreamBatch } from './batch.ts';
import { type Bucket, compareBuckets, formatBucket, keyOfSubject, streamOf } from './bucket.ts';
import { lastMessageOf, openJetStream } from './bucket-store.ts';
import { BucketWatch } from './bucket-watch.ts';
import { ConsumerState, type RowChange } from './consumer-state.ts';
import { Delivery, type Handover } from './delivery.ts';
import { decodeEntry } from './entry.ts';
import { decodeKey } from './key.ts';
import type { StreamKind } from './kind.ts';
import type { NatsLink } from './nats-link.ts';
import { mayResume, TombstoneMemory } from './retention.ts';

/** What a consumer needs. */
export interface StreamConsumerOptions<Row> {
  readonly kind: StreamKind<Row>;
  readonly link: NatsLink;
  /** Gets batches one after the other. What it throws is logged, and the batch comes again with whatever has joined it. */
  readonly onBatch: (batch: StreamBatch<Row>) => void | Promise<void>;
  /** Whether `known` gives what was read. */
  readonly keepsRows?: boolean;
  readonly log: Log;
  /** Gets the condition `stream <kind>`: ready from the first complete snapshot on. */
  readonly readiness: Readiness;
}

/** How often to ask where the stream ends while that has not been reached. */
const horizonMs = 500;
const retryMs = 500;

/**
 * Reads one kind's rows for ever: the newest bucket from its beginning, then what changes, then the next bucket. Survives restarts and losses of
 * NATS; what it delivered stays valid meanwhile. The decisions are in ConsumerState, Delivery and TombstoneMemory.
 */
export class StreamConsumer<Row> implements Component {
  readonly name: string;
  readonly #options: StreamConsumerOptions<Row>;
  readonly #condition: Condition;
  readonly #state: ConsumerState;
  readonly #stopping = new AbortController();
  readonly #waiters = new Set<{ readonly revision: Revision; readonly resolve: () => void }>();
  readonly #delivery = new Delivery();
  readonly #tombstones = new TombstoneMemory();
  readonly #watch: BucketWatch;
  readonly #bucketIsThere = new Gate();
  #running: Promise<unknown> | null = null;
  #messages: ConsumerMessages | null = null;
  #heardAt = 0;
  #asking = false;
  #deliverySoon: NodeJS.Immediate | null = null;

  constructor(options: StreamConsumerOptions<Row>) {
    this.name = `consumer of ${options.kind.name}`;
    this.#options = options;
    this.#state = new ConsumerState({ keepsRows: options.keepsRows ?? false });
    this.#watch = new BucketWatch(options.kind.name, options.link, (bucket) => this.#follow(bucket));
    this.#condition = options.readiness.condition(`stream ${options.kind.name}`, 'no snapshot yet');
  }

  /** Everything up to this revision has been handled by `onBatch`; null before the first complete snapshot. */
  get revision(): Revision | null {
    return this.#delivery.handled;
  }

  /** All rows and removals as they were read, where they are kept: for whoever has lost them (design C4). `payload` as in the stream; null: removed. */
  known(): Iterable<RowChange> {
    return this.#state.known();
  }

  /** Resolves once `onBatch` has handled everything up to `revision`; throws `deadline_exceeded` when that takes longer than `timeoutMs`. */
  async waitFor(revision: Revision, timeoutMs: number): Promise<void> {
    if (this.revision !== null && includesRevision(this.revision, revision)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { revision, resolve };
    const { name } = this.#options.kind;
    const late = () =>
      reject(
        new MyelinError(
          'deadline_exceeded',
          `the stream ${name} did not reach revision ${formatRevision(revision)} within ${timeoutMs} ms`,
        ),
      );
    const timer = setTimeout(late, timeoutMs);
    this.#waiters.add(waiter);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  start(): void {
    this.#running = Promise.all([this.#run(), this.#watch.run(this.#stopping.signal)]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#messages?.stop();
    await this.#running;
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { link, log, kind } = this.#options;
    const { signal } = this.#stopping;
    while (!this.#stopped) {
      try {
        const connection = await link.connection(signal);
        const manager = await openJetStream(connection, link.wayTo(kind.name));
        this.#bucketIsThere.close();
        const bucket = await this.#watch.newest(manager);
        const current = this.#state.bucket;
        if (bucket === null || (current !== null && compareBuckets(bucket, current) < 0)) await this.#bucketIsThere.passed(signal);
        else await this.#read(connection, manager, bucket);
      } catch (err) {
        if (this.#stopped) break;
        log.warn({ kind: kind.name, reason: (err as Error).message }, 'reading a stream was interrupted');
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Leaves the bucket that is being read for a newer one. */
  #follow(bucket: Bucket): void {
    const current = this.#state.bucket;
    if (current !== null && compareBuckets(bucket, current) <= 0) return;
    this.#bucketIsThere.open();
    this.#messages?.stop();
  }

  /** Reads a bucket until it is gone or a newer one has appeared. */
  async #read(connection: NatsConnection, manager: JetStreamManager, bucket: Bucket): Promise<void> {
    const { link, kind } = this.#options;
    this.#state.advance({ type: 'pass', bucket });
    const consumer = await jetstream(connection, { apiPrefix: link.wayTo(kind.name).api }).consumers.get(streamOf(bucket), {
      filter_subjects: `$KV.${formatBucket(bucket)}.>`,
    });
    const messages = await consumer.consume({ max_messages: 1000, expires: 10_000, idle_heartbeat: 2000, abort_on_missing_resource: true });
    this.#messages = messages;
    this.#heardAt = Date.now();
    this.#options.log.debug({ bucket: formatBucket(bucket) }, 'reading bucket');
    void this.#supervise(messages);
    const askAgain = setInterval(() => {
      const forgotten = this.#tombstones.expired(Date.now(), this.#state.reached);
      if (forgotten !== null) this.#state.advance({ type: 'forget', upTo: forgotten });
      void this.#askHorizon(manager, bucket);
    }, horizonMs);
    try {
      if (this.#stopped) messages.stop();
      void this.#askHorizon(manager, bucket);
      for await (const message of messages) {
        // Whatever comes first after a long silence: what it follows on may have been purged.
        if (!this.#hear()) break;
        this.#take(message, bucket);
        if (this.#state.needsHorizon) void this.#askHorizon(manager, bucket);
        this.#deliverSoon();
      }
    } finally {
      clearInterval(askAgain);
    }
  }

  #take(message: JsMsg, bucket: Bucket): void {
    const entry = decodeEntry(message.data);
    const key = decodeKey(keyOfSubject(bucket, message.subject));
    const readable = entry?.type === 'end' || key !== null;
    const sequence = message.info.streamSequence;
    this.#delivery.collect(this.#state.advance({ type: 'message', bucket, sequence, key: key ?? '', entry: readable ? entry : null }));
  }

  /** Asks how far there is something to read; once at a time, again every now and then while that is not reached. */
  async #askHorizon(manager: JetStreamManager, bucket: Bucket): Promise<void> {
    if (this.#asking || !(this.#state.needsHorizon || this.#state.isBehind)) return;
    this.#asking = true;
    try {
      const askedAt = this.#state.position;
      const sequence = await lastMessageOf(manager, bucket);
      this.#delivery.collect(this.#state.advance({ type: 'horizon', bucket, sequence, askedAt }));
      await this.#deliver();
    } catch {
      // NATS is away: asked again.
    } finally {
      this.#asking = false;
    }
  }

  /** Stops reading when what can be resumed is too old: tombstones may be gone by then. */
  async #supervise(messages: ConsumerMessages): Promise<void> {
    for await (const notification of messages.status()) {
      if (notification.type === 'heartbeat' && !this.#hear()) messages.stop();
    }
  }

  /** Notes a word from the server; false where reading must begin anew. */
  #hear(): boolean {
    const silentMs = Date.now() - this.#heardAt;
    if (!mayResume(silentMs)) return false;
    this.#heardAt = Date.now();
    return true;
  }

  /** Hands over once everything that has arrived together was read. (Not where the client's queue is empty: `getPending` counts its own pulls, too.) */
  #deliverSoon(): void {
    if (this.#deliverySoon !== null) return;
    this.#deliverySoon = setImmediate(() => {
      this.#deliverySoon = null;
      void this.#deliver();
    });
  }

  /** Hands over whatever may be handed over. While a handover is under way there is nothing to begin: who ends it goes on. */
  async #deliver(): Promise<void> {
    while (!this.#stopped) {
      const handover = this.#delivery.begin(this.#state);
      if (handover === null) return;
      await this.#handOver(handover);
    }
  }

  async #handOver({ changes, revision }: Handover): Promise<void> {
    const { onBatch, log, kind } = this.#options;
    try {
      await onBatch(batchOf(kind, changes, revision, log));
      this.#delivery.succeed();
      this.#tell(revision);
    } catch (err) {
      log.error({ err, kind: kind.name }, 'a batch of rows could not be applied');
      await sleep(retryMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
      this.#delivery.fail();
    }
  }

  #tell(revision: Revision): void {
    this.#condition.ready();
    for (const waiter of this.#waiters) if (includesRevision(revision, waiter.revision)) waiter.resolve();
  }
}
