import { formatRevision } from '@myelin/revision';
import {
  type Bucket,
  ConsumerState,
  compareBuckets,
  Delivery,
  formatBucket,
  type Handover,
  mayResume,
  type ReadPosition,
  TombstoneMemory,
} from '@myelin/state-stream';
import { atOnce, type Doing, type Machine, type Process } from './machine.ts';
import { describeMessage, type Message } from './model/nats.ts';
import type { Surroundings } from './replica.ts';

const lookEveryMs = 5000;
const lookAgainMs = 500;
const heartbeatMs = 2000;
const askAgainMs = 500;

/** What is heard of a follower's progress. */
export interface FollowerEvents {
  /** A handover was handled: the table is what it took it to. */
  readonly onHandled: (follower: Follower, handover: Handover) => void;
}

/** One consumer of the stream: it finds the newest bucket, reads it, and keeps a table, by the decisions of libs/state-stream. */
export class Follower implements Process {
  readonly name: string;
  readonly machines: readonly Machine[];
  readonly watch: Machine;
  readonly pull: Machine;
  readonly ask: Machine;
  readonly hand: Machine;
  table = new Map<string, string>();
  state = new ConsumerState();
  delivery = new Delivery();
  #tombstones = new TombstoneMemory();
  #reading: Bucket | null = null;
  #heardAtMs = 0;
  #looks = 0;
  #said = '';
  #handover: Handover | null = null;
  #askedAt: ReadPosition | null = null;
  readonly #around: Surroundings;
  readonly #events: FollowerEvents;
  readonly #mayResume: (silentMs: number) => boolean;

  /** `resumes`: the real rule, or what a test puts in its place. */
  constructor(name: string, around: Surroundings, events: FollowerEvents, resumes: (silentMs: number) => boolean = mayResume) {
    this.name = name;
    this.#around = around;
    this.#events = events;
    this.#mayResume = resumes;
    this.watch = this.#watchMachine();
    this.pull = this.#pullMachine();
    this.ask = this.#askMachine();
    this.hand = this.#handMachine();
    this.machines = [this.watch, this.pull, this.ask, this.hand];
  }

  restart(): void {
    this.table = new Map();
    this.state = new ConsumerState();
    this.delivery = new Delivery();
    this.#tombstones = new TombstoneMemory();
    this.#reading = this.#handover = this.#askedAt = null;
    this.#looks = 0;
  }

  #watchMachine(): Machine {
    const { nats, nowMs } = this.#around;
    const pause = () => (this.#looks++ === 0 ? 0 : this.#reading === null ? lookAgainMs : lookEveryMs);
    return {
      name: `${this.name} watch`,
      *begin() {
        yield { untilMs: nowMs() + pause() };
        return nats.list().at(-1) ?? null;
      },
      answer: (newest) => this.#follow(newest as Bucket | null),
      fail: () => {},
      describe: () => (this.#reading === null ? 'finds nothing to read' : `reads ${formatBucket(this.#reading)}`),
    };
  }

  #follow(newest: Bucket | null): void {
    const forgotten = this.#tombstones.expired(this.#around.nowMs(), this.state.reached);
    if (forgotten !== null) this.state.advance({ type: 'forget', upTo: forgotten });
    const { bucket } = this.state;
    if (newest === null || (bucket !== null && compareBuckets(newest, bucket) < (this.#reading === null ? 0 : 1))) return;
    this.state.advance({ type: 'pass', bucket: newest });
    this.#reading = newest;
    this.#heardAtMs = this.#around.nowMs();
  }

  #pullMachine(): Machine {
    return {
      name: `${this.name} pull`,
      begin: () => (this.#reading === null ? null : this.#next(this.#reading)),
      answer: (value) => this.#take(value as { bucket: Bucket; message: Message | null } | null),
      fail: () => {
        this.#reading = null;
      },
      describe: () => this.#said,
    };
  }

  /** The message behind the last one read, null at a heartbeat without one; null for a bucket that is gone. */
  *#next(bucket: Bucket): Doing<{ bucket: Bucket; message: Message | null } | null> {
    const { nats, nowMs } = this.#around;
    const untilMs = nowMs() + heartbeatMs;
    const { sequence } = this.state.position;
    const isReady = () => nats.lastSequence(bucket) === null || nats.after(bucket, sequence) !== null;
    while (!isReady() && nowMs() < untilMs) yield { untilMs, isReady };
    return nats.lastSequence(bucket) === null ? null : { bucket, message: nats.after(bucket, sequence) };
  }

  #take(read: { bucket: Bucket; message: Message | null } | null): void {
    if (this.#reading === null) return;
    const silentMs = this.#around.nowMs() - this.#heardAtMs;
    if (read === null || !this.#mayResume(silentMs)) {
      this.#reading = null;
      this.#said = 'must read anew';
      return;
    }
    this.#heardAtMs = this.#around.nowMs();
    this.#said = read.message === null ? 'hears that there is nothing' : `reads ${describeMessage(read.message)}`;
    if (read.message === null) return;
    const { sequence, key, entry } = read.message;
    this.delivery.collect(this.state.advance({ type: 'message', bucket: read.bucket, sequence, key, entry }));
  }

  #askMachine(): Machine {
    const { nats, nowMs } = this.#around;
    let asks = 0;
    return {
      name: `${this.name} ask`,
      begin: () => {
        const { bucket } = this.state;
        if (bucket === null || this.#reading === null || !(this.state.needsHorizon || this.state.isBehind)) return null;
        const untilMs = asks++ % 4 === 0 ? nowMs() : nowMs() + askAgainMs;
        this.#askedAt = this.state.position;
        return (function* () {
          yield { untilMs };
          return { bucket, sequence: nats.lastMessage(bucket) };
        })();
      },
      answer: (value) => {
        const { bucket, sequence } = value as { bucket: Bucket; sequence: number | null };
        this.#said = `hears that the last message is ${sequence}`;
        if (sequence === null) return;
        this.delivery.collect(this.state.advance({ type: 'horizon', bucket, sequence, askedAt: this.#askedAt! }));
      },
      fail: () => {},
      describe: () => this.#said,
    };
  }

  #handMachine(): Machine {
    return {
      name: `${this.name} hand`,
      begin: () => {
        this.#handover = this.delivery.begin(this.state);
        return this.#handover === null ? null : atOnce(() => null);
      },
      answer: () => {
        const { changes } = this.#handover!;
        for (const { key, payload } of changes) {
          if (payload === null) this.table.delete(key);
          else this.table.set(key, Buffer.from(payload).toString());
        }
        this.delivery.succeed();
        this.#events.onHandled(this, this.#handover!);
      },
      fail: () => this.delivery.fail(),
      describe: () => `has handled ${formatRevision(this.delivery.handled!)}`,
    };
  }
}
