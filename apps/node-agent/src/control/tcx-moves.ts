import type { Attachments } from '@myelin/datapath';
import type { Log } from '@myelin/service';

/** How long no endpoint has been made before the next move: a burst of them never waits for one. */
const quietMs = 250;

/**
 * Moves endpoints from the filters that they begin with to tcx links (`Attachments`). Each step holds the kernel's network lock for a grace period, which whoever changes an interface waits
 * for: so they come one by one, and when no endpoint is being made. What is moved or not makes no difference to what passes; what an earlier process left undone is found by adoption.
 */
export class TcxMoves {
  readonly name = 'moves to tcx';
  readonly #attachments: Attachments;
  readonly #log: Log;
  readonly #waiting = new Set<string>();
  #beingMade = 0;
  #timer: NodeJS.Timeout | null = null;
  /** The step under way. */
  #step: { readonly interfaceName: string; readonly done: Promise<void> } | null = null;
  #stopped = false;

  constructor(attachments: Attachments, log: Log) {
    this.#attachments = attachments;
    this.#log = log;
  }

  add(interfaceName: string): void {
    this.#waiting.add(interfaceName);
    this.#wait();
  }

  /** Begins no step while an endpoint is being made by `act`. */
  async hold(act: () => Promise<void>): Promise<void> {
    this.#beingMade += 1;
    try {
      await act();
    } finally {
      this.#beingMade -= 1;
      this.#wait();
    }
  }

  /** Leaves an interface alone; resolves when no step of it is under way. */
  async drop(interfaceName: string): Promise<void> {
    this.#waiting.delete(interfaceName);
    if (this.#step?.interfaceName === interfaceName) await this.#step.done;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer ?? undefined);
    await this.#step?.done;
  }

  #wait(): void {
    clearTimeout(this.#timer ?? undefined);
    if (!this.#stopped && this.#waiting.size > 0) this.#timer = setTimeout(() => void this.#run(), quietMs);
  }

  async #run(): Promise<void> {
    while (this.#beingMade === 0 && this.#step === null && !this.#stopped) {
      const [interfaceName] = this.#waiting;
      if (interfaceName === undefined) return;
      this.#step = { interfaceName, done: this.#move(interfaceName) };
      await this.#step.done;
      this.#step = null;
    }
  }

  /** Never rejects: what can't be moved stays with its filters, and is tried again by the next process. */
  async #move(interfaceName: string): Promise<void> {
    try {
      if (await this.#attachments.moveToTcx(interfaceName)) this.#waiting.delete(interfaceName);
    } catch (error) {
      this.#waiting.delete(interfaceName);
      this.#log.warn({ interfaceName, reason: (error as Error).message }, 'an interface keeps its filters: it could not be moved to tcx');
    }
  }
}
