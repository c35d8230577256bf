import type { Revision } from '@myelin/contracts/types';
import { compareRevisions, formatRevision } from '@myelin/revision';
import type { Handover } from '@myelin/state-stream';
import { Follower } from './follower.ts';
import type { Process } from './machine.ts';
import { describeMessage, type Message, NatsModel } from './model/nats.ts';
import { RedisModel, textOf } from './model/redis.ts';
import { type RelayDecision, Replica, type Surroundings } from './replica.ts';
import { Schedule, Violation } from './schedule.ts';

/** What tests take out of the rules; the real ones where nothing is said. */
export interface Mutation {
  readonly redis?: typeof RedisModel;
  readonly nats?: typeof NatsModel;
  readonly decide?: RelayDecision;
  readonly mayResume?: (silentMs: number) => boolean;
}

const kind = 'k';

/**
 * Two replicas and two followers around one Redis and one NATS, and the properties that must hold after every step:
 * a value in a bucket, a follower's revision and an incarnation never go back; a follower that says it is at r has exactly the rows of r; no incarnation is
 * opened over rows that nobody gave up.
 */
export class World extends Schedule {
  readonly redis: RedisModel;
  readonly nats: NatsModel;
  readonly replicas: readonly Replica[];
  readonly followers: readonly Follower[];
  override readonly processes: readonly Process[];
  readonly #states = new Map<string, string>();
  readonly #floors = new Map<Follower, Revision>();
  readonly #givenUp = new Set<bigint>();
  #isCut = false;
  #isRecovering = false;
  /** Rows of every whole bucket that there has been since Redis was emptied: what was under way then may still make one whole. */
  readonly #wholes = new Set<string>();
  #opened = 0n;
  #names = 0;

  constructor(mutation: Mutation = {}) {
    super();
    const onState = (revision: Revision, rows: ReadonlyMap<string, string>) => this.#noteState(revision, rows);
    this.redis = new (mutation.redis ?? RedisModel)(kind, () => this.nowMs, onState);
    this.redis.begin();
    this.nats = new (mutation.nats ?? NatsModel)((before, after) => this.#checkPut(before, after));
    const around: Surroundings = { redis: this.redis, nats: this.nats, nowMs: () => this.nowMs, uniqueName: () => `${++this.#names}` };
    const events = { onHandled: (follower: Follower, handover: Handover) => this.#checkHandover(follower, handover) };
    this.replicas = ['A', 'B'].map((name) => new Replica(name, around, mutation.decide));
    this.followers = ['X', 'Y'].map((name) => new Follower(name, around, events, mutation.mayResume));
    this.processes = [...this.replicas, ...this.followers];
  }

  wipeNats(): void {
    this.say('NATS loses everything');
    this.nats.wipe();
  }

  /**
   * NATS loses the end of its bucket, beginning before what Redis remembers of it. Until the relay has noticed, a follower that restarts may see less than
   * before, and one that saw a gap takes it for closed: from here on only what is equal at rest is checked, and what stands in buckets.
   */
  cutNats(count: number): void {
    const { number, sequence } = this.redis.bucket;
    this.say(`NATS loses what came after ${sequence - count}`);
    this.nats.cut({ kind, incarnation: this.redis.incarnation!, number }, sequence - count);
    this.#isCut = true;
  }

  /** Somebody takes a row out of the newest bucket. */
  takeOut(key: string): void {
    this.say(`${key} is taken out of the bucket`);
    const bucket = this.nats.list().at(-1)!;
    this.nats.purge(bucket, key, this.nats.lastSequence(bucket)!);
  }

  /** Takes time, as a restart does: no two incarnations are opened in the same millisecond of Redis' clock. */
  wipeRedis(): void {
    this.say('Redis loses everything');
    this.#wholes.clear();
    this.#noteWholes();
    this.redis.wipe();
    this.#isRecovering = false;
    this.pass(1);
  }

  /** The operator gives up what is missing, in the incarnation that he was told (default: the present one). */
  acceptEmpty(incarnation: bigint | null = this.redis.incarnation): void {
    if (incarnation === null) return;
    this.say(`the operator gives up what is missing in ${incarnation}`);
    this.#givenUp.add(incarnation);
    this.redis.accept(incarnation);
  }

  // Whether all is well.

  /** Nothing is left to do: all is published, handed over and equal. */
  get isAtRest(): boolean {
    const { revision } = this.redis;
    return (
      this.redis.incarnation !== null &&
      !this.redis.isRecovering &&
      this.redis.outboxLength === 0 &&
      this.followers.every(({ delivery }) => delivery.handled !== null && compareRevisions(delivery.handled, revision) === 0)
    );
  }

  /** Throws where followers or the newest bucket differ from Redis. To be called at rest. */
  checkRest(): void {
    const rows = textOf(this.redis.rows);
    for (const { name, table } of this.followers)
      if (textOf(table) !== rows) throw new Violation(`at rest, ${name} has "${textOf(table)}", Redis "${rows}"`);
    const { isWhole, entries } = this.nats.contents(this.nats.list().at(-1)!);
    const bucket = rowsTextOf(entries);
    if (!isWhole || bucket !== rows) throw new Violation(`at rest, the bucket has "${bucket}" (whole: ${isWhole}), Redis "${rows}"`);
  }

  #noteState(revision: Revision, rows: ReadonlyMap<string, string>): void {
    this.#states.set(formatRevision(revision), textOf(rows));
    if (this.#isRecovering && !this.redis.isRecovering) this.#checkRestored();
    this.#isRecovering = this.redis.isRecovering;
    if (revision.incarnation === this.#opened) return;
    if (revision.incarnation < this.#opened) throw new Violation(`incarnation ${revision.incarnation} after ${this.#opened}`);
    this.#opened = revision.incarnation;
  }

  /** Rows come back from a whole bucket, or by an operator's word for this very incarnation. */
  #checkRestored(): void {
    const { incarnation, rows } = this.redis;
    if (this.#wholes.has(textOf(rows)) || (this.#givenUp.has(incarnation!) && rows.size === 0)) return;
    throw new Violation(`incarnation ${incarnation} goes on with "${textOf(rows)}", which is no whole bucket's, and which nobody gave up`);
  }

  #noteWholes(): void {
    for (const bucket of this.nats.list()) {
      const { isWhole, entries } = this.nats.contents(bucket);
      if (isWhole) this.#wholes.add(rowsTextOf(entries));
    }
  }

  #checkPut(before: Message | null, after: Message): void {
    this.say(`NATS: ${describeMessage(after)}`);
    if (this.redis.incarnation === null || this.redis.isRecovering) this.#noteWholes();
    if (before === null || compareRevisions(after.entry.revision, before.entry.revision) >= 0) return;
    throw new Violation(`${after.key} goes back from ${formatRevision(before.entry.revision)} to ${formatRevision(after.entry.revision)}`);
  }

  #checkHandover(follower: Follower, { revision }: Handover): void {
    if (this.#isCut) return;
    const floor = this.#floors.get(follower);
    if (floor !== undefined && compareRevisions(revision, floor) < 0)
      throw new Violation(`${follower.name} goes back from ${formatRevision(floor)} to ${formatRevision(revision)}`);
    this.#floors.set(follower, revision);
    const [has, should] = [textOf(follower.table), this.#states.get(formatRevision(revision))];
    if (has !== should) throw new Violation(`${follower.name} is at ${formatRevision(revision)} with "${has}" instead of "${should}"`);
  }
}

/** Rows of a bucket as `textOf` has them. */
function rowsTextOf(entries: ReadonlyMap<string, { readonly value: string | null }>): string {
  return textOf(new Map([...entries].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]]))));
}
