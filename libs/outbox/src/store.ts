import { setTimeout as sleep } from 'node:timers/promises';
import { type Component, type Condition, Gate, type Log, MyelinError, type Readiness } from '@myelin/service';
import { greatestIncarnation, type NatsLink, openJetStream } from '@myelin/state-stream';
import type { RedisLink } from './redis-link.ts';
import { plainScript, type Script } from './script.ts';
import { openIncarnation } from './scripts/incarnation.lua.ts';

/** What a store needs. */
export interface StoreOptions {
  readonly redis: RedisLink;
  /** Asked for the greatest incarnation before a new one is opened. */
  readonly nats: NatsLink;
  /** The incarnation whose rows an operator gives up: see `Store`. */
  readonly acceptEmpty: bigint | null;
  readonly log: Log;
  /** Gets the condition `incarnation`. */
  readonly readiness: Readiness;
}

/** Words, numbers and texts of a script's answer. */
export type Reply = readonly string[];

const opening = plainScript(openIncarnation);
const retryMs = 500;

/**
 * Durable state in Redis: runs scripts under the current incarnation, and opens a new one where Redis has none (design C3).
 *
 * Redis empty although NATS holds buckets means that state was lost. Beginning anew would take every policy and identity from the nodes, so the store
 * refuses until an operator accepts that by naming the lost incarnation; nodes keep what they have meanwhile. (Recovery, C4, comes with the next issue.)
 */
export class Store implements Component {
  readonly name = 'store';
  readonly #options: StoreOptions;
  readonly #condition: Condition;
  readonly #stopping = new AbortController();
  readonly #known = new Gate();
  #incarnation: string | null = null;
  #opening: Promise<void> | null = null;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#condition = options.readiness.condition('incarnation', 'Redis has not said yet which incarnation holds');
  }

  start(): void {
    this.#reopen();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#opening;
  }

  /** The current incarnation, as soon as it is known; rejects when `signal` aborts before. */
  async incarnation(signal: AbortSignal): Promise<bigint> {
    await this.#known.passed(signal);
    return BigInt(this.#incarnation!);
  }

  /**
   * Runs a state script with these arguments behind the incarnation and returns its answer. Throws `unavailable` when Redis is away, or while no
   * incarnation is open.
   */
  async run(script: Script, ...args: (string | number)[]): Promise<Reply> {
    const incarnation = this.#incarnation;
    if (incarnation === null) throw this.#notOpen();
    const reply = await this.#evaluate(script, incarnation, ...args);
    if (reply[0] !== 'incarnation') return reply;
    // Another service may have opened a new one; else it is opened here. The caller comes again.
    if (this.#incarnation === incarnation) this.#reopen();
    throw this.#notOpen();
  }

  #notOpen(): MyelinError {
    const reason = this.#options.readiness.missing.find(({ name }) => name === this.#condition.name)?.reason ?? 'no incarnation is open';
    return new MyelinError('unavailable', `the store is not ready: ${reason}`);
  }

  #reopen(): void {
    this.#incarnation = null;
    this.#known.close();
    this.#condition.missing('opening an incarnation');
    this.#opening ??= this.#adoptOrCreate().finally(() => {
      this.#opening = null;
    });
  }

  async #adoptOrCreate(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#options.redis.connected(this.#stopping.signal);
        const current = (await this.#options.redis.run((redis) => redis.get('myelin:incarnation'))) ?? (await this.#create());
        if (current !== null) return this.#adopt(current);
      } catch (error) {
        this.#condition.missing((error as Error).message);
      }
      await sleep(retryMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  #adopt(incarnation: string): void {
    this.#incarnation = incarnation;
    this.#condition.ready();
    this.#known.open();
    this.#options.log.info({ incarnation }, 'incarnation is open');
  }

  /** Null where an operator has to decide, or NATS is not there yet: another service may open one meanwhile, so Redis is asked again. */
  async #create(): Promise<string | null> {
    const { nats, acceptEmpty, log } = this.#options;
    this.#condition.missing('Redis is empty: waiting for NATS, to see which incarnations there have been');
    const connection = await nats.connection(AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(retryMs)])).catch(() => null);
    if (connection === null) return null;
    const greatest = await greatestIncarnation(await openJetStream(connection));
    if (greatest !== 0n && greatest !== acceptEmpty) {
      this.#condition.missing(
        `Redis is empty, but NATS holds rows of incarnation ${greatest}: restore Redis' append-only file, or give up what it held with --accept-empty ${greatest}`,
      );
      return null;
    }
    if (greatest !== 0n) log.warn({ incarnation: `${greatest}` }, 'an operator gave up the rows of an incarnation');
    return (await this.#evaluate(opening, `${greatest}`)) as unknown as string;
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
