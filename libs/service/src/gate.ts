import { orAbort } from './abort.ts';

/** Something that is there or not, and whoever waits for it. */
export class Gate {
  #isOpen = false;
  #opened = Promise.withResolvers<void>();

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  close(): void {
    // Those who wait already go on waiting for the same promise.
    if (this.#isOpen) this.#opened = Promise.withResolvers();
    this.#isOpen = false;
  }

  /** Resolves while open, else as soon as it is; rejects when `signal` aborts before. */
  passed(signal: AbortSignal): Promise<void> {
    return orAbort(this.#opened.promise, signal);
  }
}
