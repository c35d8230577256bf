import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, type Condition, Gate, type Log, MyelinError, type Readiness } from '@myelin/service';
import { greatestIncarnation, type NatsLink } from '@myelin/state-stream';
import { advanceOpening, type IncarnationLook, type OpeningAnswers, type OpeningDeed, type OpeningState } from './opening-state.ts';
import { type RecoveryScope, recoveryScopes } from './recovery.ts';
import type { RedisLink } from './redis-link.ts';
import { plainScript, type Script } from './script.ts';
import { acceptEmpty, lookAtIncarnation, openIncarnation } from './scripts/incarnation.lua.ts';

/** What a store needs. */
export interface StoreOptions {
  readonly redis: RedisLink;
  /** Asked for the greatest incarnation before a new one is opened. */
  readonly nats: NatsLink;
  /** How the service's rows come back when Redis has lost them; null: it has none to lose. */
  readonly recovery: Recovery | null;
  readonly log: Log;
  /** Gets the condition `incarnation`. */
  readonly readiness: Readiness;
}

/** Runs a script under the incarnation that is recovering. Throws `unavailable` when Redis is away or has gone on to another one. */
export type ScriptRunner = (script: Script, ...args: (string | number)[]) => Promise<Reply>;

/** How a service's rows come back (design C4). */
export interface Recovery {
  readonly scope: RecoveryScope;
  /** One attempt, repeated until it ends: null when the rows are back, by this replica or another one; else what is missing, for people. */
  attempt(incarnation: bigint, run: ScriptRunner): Promise<string | null>;
}

/** Words, numbers and texts of a script's answer. */
export type Reply = readonly string[];

const looking = plainScript(lookAtIncarnation);
const opening = plainScript(openIncarnation);
const accepting = plainScript(acceptEmpty);
const retryMs = 500;
const natsWithinMs = 500;

type Deeds = { readonly [D in OpeningDeed]: (state: Extract<OpeningState, { readonly does: D }>) => Promise<OpeningAnswers[D]> };

/**
 * Durable state in Redis: runs scripts under the current incarnation, and opens a new one where Redis has none, as opening-state.ts decides. While the service's rows are on their way back, only
 * what brings them runs.
 */
export class Store implements Component {
  readonly name = 'store';
  readonly #options: StoreOptions;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  readonly #known = new Gate();
  readonly #deeds: Deeds;
  #state: OpeningState = { does: 'look' };
  #opening: Promise<void> | null = null;
  #recovering: bigint | null = null;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#condition = options.readiness.condition('incarnation', 'Redis has not said yet which incarnation holds');
    this.#deeds = this.#wire();
  }

  start(): void {
    this.#opening = this.#open();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#opening;
  }

  /** The current incarnation, as soon as it is known; rejects when `signal` aborts before. */
  async incarnation(signal: AbortSignal): Promise<bigint> {
    while (this.#state.does !== 'work') await this.#known.passed(signal);
    return this.#state.incarnation;
  }

  /** The incarnation under which the service's rows are on their way back; null where they are there, or nothing is known. */
  get recovering(): bigint | null {
    return this.#recovering;
  }

  /**
   * Takes an operator's word that what can't be recovered in this incarnation is given up. Throws `failed_precondition` where another one holds, or nothing is missing: a word that is repeated after
   * a later loss does nothing.
   */
  async acceptEmpty(incarnation: bigint): Promise<void> {
    const [word, current, isRecovering] = await this.#evaluate(accepting, `${incarnation}`);
    if (word === 'ok') {
      this.#options.log.warn({ incarnation: `${incarnation}` }, 'an operator gave up what could not be recovered');
      return;
    }
    const what = isRecovering === '1' ? `${current} is recovering` : 'nothing is recovering';
    throw new MyelinError('failed_precondition', `incarnation ${incarnation} waits for nobody's word: ${what}`);
  }

  /** Runs a script for whoever brings rows back. Throws `unavailable` while nothing is recovering. */
  async runRecovering(script: Script, ...args: (string | number)[]): Promise<Reply> {
    if (this.#recovering === null) throw this.#notOpen();
    return this.#runIn(this.#recovering, script, ...args);
  }

  /**
   * Runs a state script with these arguments behind the incarnation and returns its answer. Throws `unavailable` when Redis is away, or while no
   * incarnation is open.
   */
  async run(script: Script, ...args: (string | number)[]): Promise<Reply> {
    if (this.#state.does !== 'work') throw this.#notOpen();
    return this.runUnder(this.#state.incarnation, script, ...args);
  }

  /** The same for a caller who works under this incarnation and no other. */
  async runUnder(incarnation: bigint, script: Script, ...args: (string | number)[]): Promise<Reply> {
    const reply = await this.#evaluate(script, `${incarnation}`, ...args);
    if (reply[0] !== 'incarnation') return reply;
    // Another service may have opened a new one; else it is opened here. The caller comes again.
    if (this.#state.does === 'work' && this.#state.incarnation === incarnation) this.#reopen();
    throw this.#notOpen();
  }

  async #runIn(incarnation: bigint, script: Script, ...args: (string | number)[]): Promise<Reply> {
    const reply = await this.#evaluate(script, `${incarnation}`, ...args);
    if (reply[0] === 'incarnation') throw new MyelinError('unavailable', 'Redis has gone on to another incarnation');
    return reply;
  }

  #notOpen(): MyelinError {
    const reason =
      this.#options.readiness.missing.find(({ name }) => name === this.#condition.name)?.reason ?? 'another incarnation is open';
    return new MyelinError('unavailable', `the store is not ready: ${reason}`);
  }

  #reopen(): void {
    this.#state = advanceOpening(this.#state, null);
    this.#known.close();
    this.#condition.missing('looking for the incarnation');
    this.#opening = this.#open();
  }

  async #open(): Promise<void> {
    while (this.#state.does !== 'work' && !this.#stopping.signal.aborted) {
      try {
        this.#state = await this.#step(this.#state);
      } catch (error) {
        this.#state = { does: 'wait', problem: (error as Error).message };
      }
      if (this.#state.does === 'wait') this.#condition.missing(this.#state.problem);
      if (this.#state.does === 'recover') this.#noteRecovery(this.#state.incarnation);
    }
    if (this.#state.does !== 'work') return;
    this.#recovering = null;
    this.#condition.ready();
    this.#known.open();
    this.#options.log.info({ incarnation: `${this.#state.incarnation}` }, 'incarnation is open');
  }

  #noteRecovery(incarnation: bigint): void {
    if (this.#recovering === incarnation) return;
    this.#recovering = incarnation;
    this.#options.log.warn({ incarnation: `${incarnation}` }, 'Redis has lost its rows: they are brought back');
  }

  async #step<D extends OpeningDeed>(state: Extract<OpeningState, { readonly does: D }>): Promise<OpeningState> {
    const deed = this.#deeds[state.does] as (state: OpeningState) => Promise<OpeningAnswers[D]>;
    return advanceOpening(state, await deed(state));
  }

  #wire(): Deeds {
    const { redis, nats, recovery } = this.#options;
    const { signal } = this.#stopping;
    return {
      wait: () => sleep(retryMs, null, { signal }),
      look: async () => {
        await redis.connected(signal);
        return lookOf(await this.#evaluate(looking, randomUUID(), recovery?.scope ?? ''));
      },
      'ask NATS': async () => {
        this.#condition.missing('Redis is empty: waiting for NATS, to see which incarnations there have been');
        // Not for ever: another service may open one meanwhile.
        const connection = await nats.connection(AbortSignal.any([signal, AbortSignal.timeout(natsWithinMs)]));
        return greatestIncarnation(connection, nats.ways);
      },
      open: async ({ life, greatest }) => {
        await this.#evaluate(opening, life, `${greatest}`, ...recoveryScopes);
        return null;
      },
      recover: ({ incarnation }) => recovery!.attempt(incarnation, (script, ...args) => this.#runIn(incarnation, script, ...args)),
      work: () => Promise.resolve(null),
    };
  }

  async #evaluate(script: Script, ...args: (string | number)[]): Promise<Reply> {
    return this.#options.redis.run(async (redis) => {
      try {
        return (await redis.evalsha(script.sha, 0, ...args)) as Reply;
      } catch (error) {
        // An error code of Redis' protocol, not a text for people: the script isn't in its cache.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return (await redis.eval(script.lua, 0, ...args)) as Reply;
      }
    });
  }
}

function lookOf([word, text, isRecovering]: Reply): IncarnationLook {
  if (word === 'open') return { word, incarnation: BigInt(text!), isRecovering: isRecovering === '1' };
  return { word: 'empty', life: text! };
}
