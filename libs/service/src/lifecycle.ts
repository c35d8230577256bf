import type { Log } from './log.ts';

/** A part of a service that starts and stops. Starting doesn't wait for peers: what is absent is said in readiness. */
export interface Component {
  readonly name: string;
  /** `signal` aborts when the service is told to stop before it has started. */
  start?(signal: AbortSignal): Promise<void> | void;
  /** `signal` aborts when the time for stopping is over. Called once at most, and only after `start` has been called. */
  stop?(signal: AbortSignal): Promise<void> | void;
}

/** Starts components in order and stops them in reverse. */
export class Lifecycle {
  readonly #components: readonly Component[];
  readonly #log: Log;
  readonly #stopDeadlineMs: number;
  #started: Component[] = [];
  #stopping: Promise<void> | null = null;
  readonly #startAbort = new AbortController();

  constructor(components: readonly Component[], options: { readonly log: Log; readonly stopDeadlineMs: number }) {
    this.#components = components;
    this.#log = options.log;
    this.#stopDeadlineMs = options.stopDeadlineMs;
  }

  /** Starts all in order. When one fails or `signal` aborts, stops what was started and throws the reason. */
  async start(signal?: AbortSignal): Promise<void> {
    const combined = signal === undefined ? this.#startAbort.signal : AbortSignal.any([signal, this.#startAbort.signal]);
    try {
      for (const component of this.#components) {
        combined.throwIfAborted();
        this.#started.push(component);
        await component.start?.(combined);
      }
      combined.throwIfAborted();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops what was started, in reverse, within the deadline altogether; one that fails or hangs doesn't keep the others. Idempotent; never throws. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    this.#startAbort.abort(new Error('stopped'));
    const timeUp = new AbortController();
    const timer = setTimeout(() => timeUp.abort(), this.#stopDeadlineMs);
    const over = new Promise<'over'>((resolve) => timeUp.signal.addEventListener('abort', () => resolve('over'), { once: true }));
    const started = this.#started.reverse();
    this.#started = [];
    for (const component of started) {
      const stopped = (async () => component.stop?.(timeUp.signal))().then(
        () => 'stopped' as const,
        (err: unknown) => this.#log.error({ err, component: component.name }, 'component failed to stop'),
      );
      if ((await Promise.race([stopped, over])) === 'over')
        this.#log.error({ component: component.name }, 'component did not stop in time');
    }
    clearTimeout(timer);
  }
}
