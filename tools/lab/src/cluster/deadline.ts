import { setTimeout as delay } from 'node:timers/promises';
import { exitCodes, LabFailure } from '../failure.ts';

/** The time that a command has for what it changes to be enforced. */
export class Deadline implements Disposable {
  readonly #ends: number;
  readonly #seconds: number;
  readonly #over = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(seconds: number) {
    this.#seconds = seconds;
    this.#ends = performance.now() + seconds * 1000;
    this.#timer = setTimeout(() => this.#over.abort(), seconds * 1000);
  }

  /** Aborts when the time is over, or nobody waits any more. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#over.abort();
  }

  get leftMs(): number {
    return Math.max(0, this.#ends - performance.now());
  }

  /** The failure to end with; `what` is still missing. */
  overdue(what: string): LabFailure {
    return new LabFailure(`not enforced within ${this.#seconds} s: ${what}`, exitCodes.overdue);
  }

  /** Asks every few milliseconds until `ask` returns null; what it returned last is what was missing when the time is over. */
  async until(ask: () => Promise<string | null>): Promise<void> {
    for (;;) {
      const missing = await ask();
      if (missing === null) return;
      if (this.leftMs === 0) throw this.overdue(missing);
      await delay(5);
    }
  }
}
