import type { Revision } from '@myelin/contracts/types';
import { compareRevisions, formatRevision } from '@myelin/revision';
import type { Handover } from '@myelin/state-stream';
import { Follower } from './follower.ts';
import { Call, type Machine, type Process } from './machine.ts';
import { describeMessage, type Message, NatsModel } from './model/nats.ts';
import { RedisModel, textOf } from './model/redis.ts';
import { type RelayDecision, Replica, type Surroundings } from './replica.ts';

/** A property that did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** What tests take out of the rules; the real ones where nothing is said. */
export interface Mutation {
  readonly redis?: typeof RedisModel;
  readonly nats?: typeof NatsModel;
  readonly decide?: RelayDecision;
  readonly mayResume?: (silentMs: number) => boolean;
}

const kind = 'k';
const beginsAtMs = 1_000_000;

/**
 * Two replicas and two followers around one Redis and one NATS, and the properties that must hold after every step:
 * a value in a bucket, a follower's revision and an incarnation never go back; a follower that says it is at r has exactly the rows of r; no incarnation is
 * opened over rows that nobody gave up.
 */
export class World {
  readonly redis: RedisModel;
  readonly nats: NatsModel;
  readonly replicas: readonly Replica[];
  readonly followers: readonly Follower[];
  readonly processes: readonly Process[];
  readonly trace: string[] = [];
  nowMs = beginsAtMs;
  readonly #calls = new Map<Machine, Call>();
  /** Given up by their machines, but not yet lost. */
  readonly #orphans = new Set<Call>();
  readonly #pausedUntilMs = new Map<Process, number>();
  readonly #states = new Map<string, string>();
  readonly #floors = new Map<Follower, Revision>();
  readonly #givenUp = new Set<bigint>();
  #isCut = false;
  #isRecovering = false;
  /** There was a whole bucket when Redis was emptied. */
  #wasWhole = false;
  #opened = 0n;
  #names = 0;

  constructor(mutation: Mutation = {}) {
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

  isPaused(process: Process): boolean {
    return (this.#pausedUntilMs.get(process) ?? 0) > this.nowMs;
  }

  // What can happen, one thing at a time.

  /** Everything that can go on now, except time: machines that begin or take an answer, requests that arrive. */
  possible(processes: readonly Process[] = this.processes): (() => void)[] {
    const actions: (() => void)[] = [];
    for (const process of processes) {
      const isPaused = this.isPaused(process);
      for (const machine of process.machines) {
        if (!isPaused && !this.#calls.has(machine)) this.#begin(machine);
        const call = this.#calls.get(machine);
        if (call === undefined) continue;
        if (call.isOver) {
          if (!isPaused) actions.push(() => this.#conclude(call));
        } else if (call.blockedUntilMs(this.nowMs) === null) actions.push(() => this.#arrive(call));
      }
    }
    if (processes === this.processes) actions.push(...this.#lateArrivals());
    return actions;
  }

  /** What was given up and not lost may arrive at any time. */
  #lateArrivals(): (() => void)[] {
    const actions: (() => void)[] = [];
    for (const call of this.#orphans) if (call.blockedUntilMs(this.nowMs) === null) actions.push(() => this.#arrive(call));
    return actions;
  }

  /** The next time at which something can go on by the clock. */
  nextMs(processes: readonly Process[] = this.processes): number {
    const own = new Set(processes.flatMap(({ machines }) => machines));
    const calls = [...this.#calls.values()]
      .filter(({ machine }) => own.has(machine))
      .map((call) => call.blockedUntilMs(this.nowMs) ?? Number.POSITIVE_INFINITY);
    const pauses = [...this.#pausedUntilMs.values()].filter((untilMs) => untilMs > this.nowMs);
    return Math.min(...calls, ...pauses);
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  /** Machines that wait for an answer that hasn't come. */
  get waiting(): readonly Machine[] {
    return [...this.#calls.values()].filter(({ isOver }) => !isOver).map(({ machine }) => machine);
  }

  /** The machine gives up waiting; what it has sent may arrive later. */
  timeOut(machine: Machine): void {
    this.#say(`${machine.name} gives up`);
    this.#orphan(machine);
    machine.fail(new Error('no answer'));
  }

  /** What was sent and given up is lost. */
  drop(): void {
    this.#orphans.clear();
  }

  get hasOrphans(): boolean {
    return this.#orphans.size > 0;
  }

  crash(process: Process): void {
    this.#say(`${process.name} crashes`);
    for (const machine of process.machines) this.#orphan(machine);
    process.restart();
  }

  pause(process: Process, ms: number): void {
    this.#say(`${process.name} pauses for ${ms} ms`);
    this.#pausedUntilMs.set(process, this.nowMs + ms);
  }

  resume(process: Process): void {
    this.#pausedUntilMs.delete(process);
  }

  wipeNats(): void {
    this.#say('NATS loses everything');
    this.nats.wipe();
  }

  /**
   * NATS loses the end of its bucket, beginning before what Redis remembers of it. Until the relay has noticed, a follower that restarts may see less than
   * before, and one that saw a gap takes it for closed: from here on only what is equal at rest is checked, and what stands in buckets.
   */
  cutNats(count: number): void {
    const { number, sequence } = this.redis.bucket;
    this.#say(`NATS loses what came after ${sequence - count}`);
    this.nats.cut({ kind, incarnation: this.redis.incarnation!, number }, sequence - count);
    this.#isCut = true;
  }

  /** Takes time, as a restart does: no two incarnations are opened in the same millisecond of Redis' clock. */
  wipeRedis(): void {
    this.#say('Redis loses everything');
    this.#wasWhole = this.#hasWholeBucket();
    this.redis.wipe();
    this.#isRecovering = false;
    this.pass(1);
  }

  /** The operator gives up what is missing, in the incarnation that he was told (default: the present one). */
  acceptEmpty(incarnation: bigint | null = this.redis.incarnation): void {
    if (incarnation === null) return;
    this.#say(`the operator gives up what is missing in ${incarnation}`);
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
    const bucket = textOf(new Map([...entries].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]]))));
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
    const { incarnation } = this.redis;
    if (this.#wasWhole || this.#hasWholeBucket() || this.#givenUp.has(incarnation!)) return;
    throw new Violation(`incarnation ${incarnation} goes on without its rows, which nobody gave up`);
  }

  #hasWholeBucket(): boolean {
    return this.nats.list().some((bucket) => this.nats.contents(bucket).isWhole);
  }

  #checkPut(before: Message | null, after: Message): void {
    this.#say(`NATS: ${describeMessage(after)}`);
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

  #begin(machine: Machine): void {
    const doing = machine.begin();
    if (doing !== null) this.#calls.set(machine, new Call(machine, doing));
  }

  #arrive(call: Call): void {
    call.step();
    if (this.#orphans.has(call)) this.#say(`${call.machine.name}: what it had given up arrives`);
    if (call.isOver) this.#orphans.delete(call);
  }

  #conclude(call: Call): void {
    this.#calls.delete(call.machine);
    call.conclude();
    this.#say(`${call.machine.name}: ${call.machine.describe()}`);
  }

  #orphan(machine: Machine): void {
    const call = this.#calls.get(machine);
    this.#calls.delete(machine);
    if (call !== undefined && !call.isOver) this.#orphans.add(call);
  }

  #say(what: string): void {
    this.trace.push(`${this.nowMs - beginsAtMs} ms ${what}`);
  }
}
