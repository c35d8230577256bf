import { isMyelinError, type Log, MyelinError } from '@myelin/service';
import { type Bucket, type StreamKind, tombstonesLiveMs } from '@myelin/state-stream';
import type { Redis } from 'ioredis';
import { queuedOf, writeOfRow } from './record.ts';
import type { RedisLink } from './redis-link.ts';
import { type ExpiredTombstone, type ListedRow, leaseMs, type Place, type QueuedWrite, type RelayAnswers } from './relay-state.ts';
import { stateScript } from './script.ts';
import { acknowledge, bucketState, expiredTombstones, forgetTombstones, raiseBucket } from './scripts/bucket.lua.ts';
import { holdLease, releaseLease } from './scripts/lease.lua.ts';
import { listRows, queueAgain } from './scripts/reconcile.lua.ts';
import type { Store } from './store.ts';

/** What the queue needs. */
export interface RelayQueueOptions<Row> {
  readonly kind: StreamKind<Row>;
  readonly redis: RedisLink;
  readonly store: Store;
  /** The relay's name in its lease. */
  readonly owner: string;
  readonly log: Log;
}

const scripts = {
  lease: stateScript(holdLease),
  release: stateScript(releaseLease),
  state: stateScript(bucketState),
  raise: stateScript(raiseBucket),
  acknowledge: stateScript(acknowledge),
  expired: stateScript(expiredTombstones),
  forget: stateScript(forgetTombstones),
  rows: stateScript(listRows),
  again: stateScript(queueAgain),
};

const batchEntries = 512;
const tombstonesAtOnce = 500;
const rowsAtOnce = 200;

/** A relay's deeds in Redis. All throw `unavailable` when that is away, or has gone on to another incarnation than the one they are for. */
export class RelayQueue<Row> {
  readonly #options: RelayQueueOptions<Row>;
  readonly #kind: string;
  /** Waiting for entries blocks a connection of its own. */
  #blocking: Redis | null = null;

  constructor(options: RelayQueueOptions<Row>) {
    this.#options = options;
    this.#kind = options.kind.name;
  }

  async holdLease(renew: boolean, signal: AbortSignal): Promise<RelayAnswers['hold lease']> {
    const { redis, store, owner } = this.#options;
    await redis.connected(signal);
    const incarnation = await store.incarnation(signal);
    const [word, nowMs] = await store.runUnder(incarnation, scripts.lease, this.#kind, owner, leaseMs, renew ? 1 : 0);
    return { isHeld: word === 'ok', incarnation, nowMs: Number(nowMs ?? 0) };
  }

  async releaseLease(): Promise<void> {
    await this.#options.store.run(scripts.release, this.#kind, this.#options.owner);
  }

  async recall(incarnation: bigint): Promise<RelayAnswers['recall bucket']> {
    const [, number, sequence] = await this.#options.store.runUnder(incarnation, scripts.state, this.#kind);
    return { bucket: { kind: this.#kind, incarnation, number: Number(number) }, sequence: Number(sequence) };
  }

  async raise(lost: Bucket, beyond: number): Promise<number | null> {
    const [word, number] = await this.#options.store.runUnder(lost.incarnation, scripts.raise, this.#kind, lost.number, beyond);
    return word === 'ok' ? Number(number) : null;
  }

  /** The oldest entries; waits up to `waitMs` for one. */
  async fetch(waitMs: number): Promise<readonly QueuedWrite[]> {
    const { kind, log } = this.#options;
    const streams = await this.#read(waitMs);
    return (streams?.[0]?.[1] ?? []).map(([id, fields]) => {
      const queued = queuedOf(kind, { id, fields });
      // A row that can't be encoded must not hold up all others.
      if (queued.write === null) log.error({ kind: this.#kind, entry: id }, 'an outbox entry is unreadable and was passed over');
      return queued;
    });
  }

  async #read(waitMs: number) {
    try {
      this.#blocking ??= await this.#options.redis.openBlocking();
      // For XREAD, 0 is for ever.
      return await this.#blocking.xread('COUNT', batchEntries, 'BLOCK', Math.max(waitMs, 1), 'STREAMS', this.#key, '0');
    } catch (cause) {
      if (isMyelinError(cause)) throw cause;
      throw new MyelinError('unavailable', `Redis does not answer: ${(cause as Error).message}`, { cause });
    }
  }

  async acknowledge({ bucket, sequence }: Place, { id, revisionText }: QueuedWrite): Promise<boolean> {
    const args = [this.#kind, bucket.number, id, sequence, revisionText];
    const [word] = await this.#options.store.runUnder(bucket.incarnation, scripts.acknowledge, ...args);
    return word === 'ok';
  }

  /** `keepMs`: other than an hour only in tests. */
  async expired({ incarnation }: Bucket, keepMs: number = tombstonesLiveMs): Promise<readonly ExpiredTombstone[]> {
    const args = [this.#kind, keepMs, tombstonesAtOnce];
    const [, ...pairs] = await this.#options.store.runUnder(incarnation, scripts.expired, ...args);
    return Array.from({ length: pairs.length / 2 }, (_, i) => ({ key: pairs[2 * i]!, record: pairs[2 * i + 1]! }));
  }

  async forget({ incarnation, number }: Bucket, tombstones: readonly ExpiredTombstone[]): Promise<null> {
    const pairs = tombstones.flatMap(({ key, record }) => [key, record]);
    await this.#options.store.runUnder(incarnation, scripts.forget, this.#kind, number, ...pairs);
    return null;
  }

  async rows({ incarnation }: Bucket, cursor: string): Promise<RelayAnswers['list rows']> {
    const { store, kind } = this.#options;
    const [word, next, ...pairs] = await store.runUnder(incarnation, scripts.rows, this.#kind, cursor, rowsAtOnce);
    if (word !== 'ok') return null;
    const rows = Array.from({ length: pairs.length / 2 }, (_, i) => ({ key: pairs[2 * i]!, record: pairs[2 * i + 1]! }));
    return { cursor: next!, rows: rows.map((row) => ({ ...row, write: writeOfRow(kind, row) })) };
  }

  async queueAgain({ incarnation, number }: Bucket, rows: readonly ListedRow[]): Promise<number> {
    const pairs = rows.flatMap(({ key, record }) => [key, record]);
    const [, count] = await this.#options.store.runUnder(incarnation, scripts.again, this.#kind, number, ...pairs);
    return Number(count);
  }

  /** Entries that wait. */
  length(): Promise<number> {
    return this.#options.redis.run((redis) => redis.xlen(this.#key));
  }

  close(): void {
    this.#blocking?.disconnect();
    this.#blocking = null;
  }

  get #key(): string {
    return `myelin:stream:${this.#kind}:outbox`;
  }
}
