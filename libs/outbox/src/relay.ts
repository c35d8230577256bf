import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, type Condition, isMyelinError, type Log, type Readiness } from '@myelin/service';
import type { NatsLink, StreamKind } from '@myelin/state-stream';
import type { Counter, Meter } from '@opentelemetry/api';
import type { RedisLink } from './redis-link.ts';
import { RelayBucket } from './relay-bucket.ts';
import { RelayQueue } from './relay-queue.ts';
import { advanceRelay, afterFailure, type RelayAnswers, type RelayDeed, type RelayState, relayBegins } from './relay-state.ts';
import type { Store } from './store.ts';

/** What a relay needs. */
export interface RelayOptions<Row> {
  readonly kind: StreamKind<Row>;
  readonly redis: RedisLink;
  readonly store: Store;
  readonly nats: NatsLink;
  readonly log: Log;
  readonly meter: Meter;
  /** Gets the condition `relay <kind>`: ready while it publishes, or stands by for one that has the lease. */
  readonly readiness: Readiness;
}

type StateOf<D extends RelayDeed> = Extract<RelayState, { readonly does: D }>;
type Deeds = { readonly [D in RelayDeed]: (state: StateOf<D>) => Promise<RelayAnswers[D]> };

/**
 * Publishes one kind's outbox to its bucket, in order (design C2). What to do is decided in relay-state.ts; here it is done. It may be killed at any
 * point; others of its kind stand by in other replicas.
 */
export class Relay<Row> implements Component {
  readonly name: string;
  readonly #options: RelayOptions<Row>;
  readonly #condition: Condition;
  readonly #queue: RelayQueue<Row>;
  readonly #bucket: RelayBucket;
  readonly #deeds: Deeds;
  readonly #published: Counter;
  readonly #repeated: Counter;
  readonly #reconciled: Counter;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: RelayOptions<Row>) {
    const { kind, redis, store, nats, log, meter, readiness } = options;
    this.name = `relay of ${kind.name}`;
    this.#options = options;
    this.#queue = new RelayQueue({ kind, redis, store, owner: `${hostname()} ${process.pid} ${randomUUID()}`, log });
    this.#bucket = new RelayBucket(nats, this.#stopping.signal);
    this.#deeds = this.#wire();
    this.#condition = readiness.condition(`relay ${kind.name}`, 'nothing published yet');
    this.#published = meter.createCounter('outbox_published', { description: 'Changes published to a state stream, by kind' });
    meter
      .createObservableGauge('outbox_entries', { description: 'Changes that wait to be published, by kind' })
      .addCallback(async (result) => {
        const entries = await this.#queue.length().catch(() => null);
        if (entries !== null) result.observe(entries, { kind: kind.name });
      });
    const reconciled = 'Rows that the bucket did not hold as they are, and that were queued again, by kind';
    this.#reconciled = meter.createCounter('outbox_reconciled', { description: reconciled });
    this.#repeated = meter.createCounter('outbox_repeated', { description: 'Batches that had to be read and written again, by kind' });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#queue.close();
    await this.#running;
    await this.#queue.releaseLease().catch(() => {});
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    let state = relayBegins;
    while (!this.#stopped) {
      try {
        const before = state;
        state = await this.#step(state);
        this.#note(before, state);
      } catch (error) {
        if (this.#stopped) break;
        if (!isMyelinError(error)) this.#options.log.error({ kind: this.#options.kind.name, err: error }, 'a relay failed unexpectedly');
        state = afterFailure((error as Error).message);
        this.#note(null, state);
      }
    }
  }

  async #step<D extends RelayDeed>(state: StateOf<D>): Promise<RelayState> {
    const deed = this.#deeds[state.does] as (state: StateOf<D>) => Promise<RelayAnswers[D]>;
    return advanceRelay(state, await deed(state));
  }

  /** Tells people and metrics how it goes. */
  #note(before: RelayState | null, state: RelayState): void {
    const kind = this.#options.kind.name;
    if (state.does === 'wait' && state.problem !== null) {
      this.#condition.missing(state.problem);
      this.#repeated.add(1, { kind });
      this.#options.log.warn({ kind, reason: state.problem }, 'publishing was interrupted');
    } else if (state.does === 'wait' || (state.does === 'hold lease' && state.place !== null)) this.#condition.ready();
    if (before?.does === 'acknowledge' && state.does !== 'wait') this.#published.add(before.count, { kind });
    if (before?.does === 'raise' && state.does === 'create')
      this.#options.log.info({ kind, number: state.bucket.number }, 'began a bucket');
  }

  #wire(): Deeds {
    const [queue, bucket] = [this.#queue, this.#bucket];
    const { signal } = this.#stopping;
    return {
      wait: async ({ ms }) => {
        await sleep(ms * (0.75 + Math.random() / 2), undefined, { signal });
        return null;
      },
      'hold lease': ({ renew }) => queue.holdLease(renew, signal),
      'recall bucket': ({ incarnation }) => queue.recall(incarnation),
      'find newest': ({ remembered }) => bucket.newest(remembered.bucket.kind),
      measure: ({ remembered }) => bucket.lastSequence(remembered.bucket),
      raise: ({ lost, beyond }) => queue.raise(lost, beyond),
      create: (state) => bucket.create(state.bucket),
      fetch: ({ waitMs }) => queue.fetch(waitMs),
      verify: ({ place }) => bucket.lastSequence(place.bucket),
      compare: ({ place, writes }) => bucket.stored(place.bucket, writes),
      write: ({ place, writes }) => bucket.write(place, writes),
      acknowledge: ({ place, last }) => queue.acknowledge(place, last),
      'delete older': ({ place }) => bucket.deleteOlder(place.bucket),
      'list expired': ({ place }) => queue.expired(place.bucket),
      purge: ({ place, tombstones }) => bucket.purge(place.bucket, tombstones),
      forget: ({ place, tombstones }) => queue.forget(place.bucket, tombstones),
      'list rows': ({ place, reconciling }) => queue.rows(place.bucket, reconciling.cursor),
      'look up': ({ place, rows }) => bucket.lookUp(place.bucket, rows),
      'queue again': async ({ place, rows }) => {
        const count = await queue.queueAgain(place.bucket, rows);
        this.#reconciled.add(count, { kind: this.#options.kind.name });
        const fields = { kind: this.#options.kind.name, count, keys: rows.slice(0, 5).map(({ key }) => key) };
        if (count > 0) this.#options.log.warn(fields, 'rows were not in the bucket as they are: they are published again');
        return count;
      },
    };
  }
}
