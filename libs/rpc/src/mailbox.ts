/** When a mailbox asks its source to pause and to go on: messages that wait. */
const highWater = 256;
const lowWater = 64;

/**
 * A queue with one reader: `push` from anywhere, `for await` to read. Ends after `close` (what waits is still read) or throws after `fail`.
 * `flow` is told when too much waits, so that a stream can hold its sender back.
 */
export class Mailbox<T> implements AsyncIterable<T> {
  #waiting: T[] = [];
  #end: { error?: unknown } | null = null;
  #wake: (() => void) | null = null;
  #paused = false;
  readonly #flow: ((go: boolean) => void) | undefined;
  readonly #onReturn: (() => void) | undefined;

  constructor(options: { readonly flow?: (go: boolean) => void; readonly onReturn?: () => void } = {}) {
    this.#flow = options.flow;
    this.#onReturn = options.onReturn;
  }

  /** Messages that wait to be read. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Adds a message; after the end it is dropped. */
  push(message: T): void {
    if (this.#end !== null) return;
    this.#waiting.push(message);
    if (this.#waiting.length >= highWater && !this.#paused) {
      this.#paused = true;
      this.#flow?.(false);
    }
    this.#wake?.();
  }

  close(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      while (true) {
        const batch = this.#waiting;
        this.#waiting = [];
        for (let i = 0; i < batch.length; i++) {
          if (this.#paused && batch.length - i + this.#waiting.length <= lowWater) {
            this.#paused = false;
            this.#flow?.(true);
          }
          yield batch[i]!;
        }
        if (this.#waiting.length > 0) continue;
        if (this.#end !== null) {
          if ('error' in this.#end) throw this.#end.error;
          return;
        }
        if (this.#paused) {
          this.#paused = false;
          this.#flow?.(true);
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    } finally {
      this.#end ??= {};
      this.#onReturn?.();
    }
  }
}
