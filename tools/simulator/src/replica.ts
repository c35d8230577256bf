import {
  advanceOpening,
  advanceRelay,
  afterFailure,
  decideRecovery,
  leaseMs,
  type OpeningAnswers,
  type OpeningDeed,
  type OpeningState,
  parseRecord,
  type RelayAnswers,
  type RelayDeed,
  type RelayState,
  relayBegins,
} from '@myelin/outbox';
import { compareRevisions } from '@myelin/revision';
import { compareBuckets, tombstonesLiveMs } from '@myelin/state-stream';
import { atOnce, type Doing, type Machine, type Process } from './machine.ts';
import type { NatsModel } from './model/nats.ts';
import { OtherIncarnation, type RedisModel } from './model/redis.ts';

/** What replicas share: the stores, the clock. */
export interface Surroundings {
  readonly redis: RedisModel;
  readonly nats: NatsModel;
  readonly nowMs: () => number;
  /** A name that nobody else has. */
  readonly uniqueName: () => string;
}

type RelayStateOf<D extends RelayDeed> = Extract<RelayState, { readonly does: D }>;
type OpeningStateOf<D extends OpeningDeed> = Extract<OpeningState, { readonly does: D }>;

/** Small, so that anything can come between two batches. */
const batchEntries = 3;
const retryMs = 500;

/** The next state for a relay's answer: the real one, or what a test puts in its place. */
export type RelayDecision = (state: RelayState, answer: never) => RelayState;

/** One replica of a publishing service: it opens incarnations, changes rows and relays them, by the decisions of libs/outbox. */
export class Replica implements Process {
  readonly name: string;
  readonly opening: Machine & { state: OpeningState };
  readonly relay: Machine & { state: RelayState };
  readonly client: Machine;
  readonly machines: readonly Machine[];
  /** Changes to be made next, each one attempt; null removes. */
  readonly wishes: { readonly key: string; readonly value: string | null }[] = [];
  readonly #around: Surroundings;

  constructor(name: string, around: Surroundings, decide: RelayDecision = advanceRelay as RelayDecision) {
    this.name = name;
    this.#around = around;
    this.opening = this.#openingMachine();
    this.relay = this.#relayMachine(decide);
    this.client = {
      name: `${name} client`,
      begin: () => this.#change(),
      answer: () => {},
      fail: (error) => this.#noteOther(error),
      describe: () => 'has changed a row',
    };
    this.machines = [this.opening, this.relay, this.client];
  }

  restart(): void {
    this.opening.state = { does: 'look' };
    this.relay.state = relayBegins;
    this.wishes.length = 0;
  }

  get #incarnation(): bigint | null {
    return this.opening.state.does === 'work' ? this.opening.state.incarnation : null;
  }

  #openingMachine(): Machine & { state: OpeningState } {
    const deeds = this.#openingDeeds();
    const machine = {
      name: `${this.name} opening`,
      state: { does: 'look' } as OpeningState,
      begin: () =>
        machine.state.does === 'work' ? null : (deeds[machine.state.does] as (state: OpeningState) => Doing<unknown>)(machine.state),
      answer: (value: unknown) => {
        machine.state = advanceOpening(machine.state, value as never);
      },
      describe: () => machine.state.does,
      fail: ({ message }: Error) => {
        machine.state = { does: 'wait', problem: message };
      },
    };
    return machine;
  }

  #relayMachine(decide: RelayDecision): Machine & { state: RelayState } {
    const deeds = this.#relayDeeds();
    const machine = {
      name: `${this.name} relay`,
      state: relayBegins,
      begin: () => (deeds[machine.state.does] as (state: RelayState) => Doing<unknown>)(machine.state),
      answer: (value: unknown) => {
        machine.state = decide(machine.state, value as never);
      },
      describe: () => machine.state.does,
      fail: (error: Error) => {
        this.#noteOther(error);
        machine.state = afterFailure(error.message);
      },
    };
    return machine;
  }

  /** A script was refused: as the store does, look which incarnation there is. */
  #noteOther(error: Error): void {
    if (error instanceof OtherIncarnation && this.#incarnation === error.believed)
      this.opening.state = advanceOpening(this.opening.state, null as never);
  }

  #change(): Doing<unknown> | null {
    const incarnation = this.#incarnation;
    const wish = incarnation === null ? undefined : this.wishes.shift();
    if (wish === undefined) return null;
    const { redis } = this.#around;
    return atOnce(() => redis.change(incarnation!, wish.key, wish.value));
  }

  #openingDeeds(): { readonly [D in OpeningDeed]: (state: OpeningStateOf<D>) => Doing<OpeningAnswers[D]> } {
    const { redis, nats, nowMs, uniqueName } = this.#around;
    return {
      *wait() {
        yield { untilMs: nowMs() + retryMs };
        return null;
      },
      look: () => atOnce(() => redis.look(uniqueName())),
      'ask NATS': () => atOnce(() => nats.greatestIncarnation()),
      open: ({ life, greatest }) =>
        atOnce(() => {
          redis.open(life, greatest);
          return null;
        }),
      *recover({ incarnation }) {
        yield undefined;
        const standing = redis.standing(incarnation);
        if (standing === null) return null;
        yield undefined;
        const whole = nats
          .list()
          .map((bucket) => nats.contents(bucket))
          .findLast(({ isWhole }) => isWhole);
        const decision = decideRecovery({ incarnation, isWhole: whole !== undefined, isAccepted: standing.isAccepted, presenters: null });
        if (decision.does === 'wait') return decision.problem;
        const rows = [...(whole?.entries ?? [])].flatMap(([key, { value }]) => (value === null ? [] : [[key, value] as const]));
        yield undefined;
        redis.restore(incarnation, new Map(rows));
        return null;
      },
      work: () => atOnce(() => null),
    };
  }

  #relayDeeds(): { readonly [D in RelayDeed]: (state: RelayStateOf<D>) => Doing<RelayAnswers[D]> } {
    const { redis, nats, nowMs, uniqueName } = this.#around;
    const owner = this.name;
    const incarnation = () => this.#incarnation;
    return {
      *wait({ ms }) {
        yield { untilMs: nowMs() + ms };
        return null;
      },
      *'hold lease'({ renew }) {
        while (incarnation() === null) yield { untilMs: Number.POSITIVE_INFINITY, isReady: () => incarnation() !== null };
        const believed = incarnation()!;
        yield undefined;
        return redis.holdLease(believed, owner, leaseMs, renew);
      },
      'recall bucket': (state) => atOnce(() => redis.recall(state.incarnation)),
      'find newest': () => atOnce(() => nats.list().at(-1) ?? null),
      measure: ({ remembered }) => atOnce(() => nats.lastSequence(remembered.bucket)),
      raise: ({ lost, beyond }) => atOnce(() => redis.raise(lost, beyond)),
      create: ({ bucket }) =>
        atOnce(() => {
          nats.create(bucket);
          return null;
        }),
      *fetch({ waitMs }) {
        const untilMs = nowMs() + waitMs;
        while (redis.outboxLength === 0 && nowMs() < untilMs) yield { untilMs, isReady: () => redis.outboxLength > 0 };
        return redis.fetch(batchEntries);
      },
      verify: ({ place }) => atOnce(() => nats.lastSequence(place.bucket)),
      *compare({ place, writes }) {
        const stored = [];
        for (const { key, entry } of writes) {
          stored.push(nats.get(place.bucket, key, entry.type === 'end')?.entry ?? null);
          yield undefined;
        }
        return stored;
      },
      *write({ place, writes }) {
        const batch = uniqueName();
        let isWritten = true;
        for (const [i, write] of writes.entries()) {
          const condition = { last: place.sequence + i, predecessor: i === 0 ? null : `${batch}.${i - 1}` };
          isWritten = nats.put(place.bucket, write, `${batch}.${i}`, condition) && isWritten;
          yield undefined;
        }
        return isWritten;
      },
      acknowledge: ({ place, last }) => atOnce(() => redis.acknowledge(place, last)),
      *'delete older'({ place }) {
        const older = nats.list().filter((bucket) => compareBuckets(bucket, place.bucket) < 0);
        for (const bucket of older) {
          yield undefined;
          nats.delete(bucket);
        }
        return null;
      },
      'list expired': ({ place }) => atOnce(() => redis.expired(place.bucket, tombstonesLiveMs, batchEntries)),
      *purge({ place, tombstones }) {
        for (const { key, record } of tombstones) {
          const message = nats.get(place.bucket, key, false);
          yield undefined;
          if (message?.entry.type !== 'tombstone' || compareRevisions(message.entry.revision, parseRecord(record).revision) > 0) continue;
          nats.purge(place.bucket, key, message.sequence);
        }
        return null;
      },
      forget: ({ place, tombstones }) =>
        atOnce(() => {
          redis.forget(place.bucket, tombstones);
          return null;
        }),
      'list rows': ({ place, reconciling }) => atOnce(() => redis.listRows(place.bucket, reconciling.cursor, batchEntries)),
      *'look up'({ place, rows }) {
        const stored = [];
        for (const { key } of rows) {
          stored.push(nats.get(place.bucket, key, false)?.entry ?? null);
          yield undefined;
        }
        return stored;
      },
      'queue again': ({ place, rows }) => atOnce(() => redis.queueAgain(place.bucket, rows)),
    };
  }
}
