/** One thing that a service needs before it can serve. */
export interface Condition {
  readonly name: string;
  ready(): void;
  /** `reason`: one sentence, what is missing and what it waits for. */
  missing(reason: string): void;
}

/** One line of `/readyz`. */
export interface Missing {
  readonly name: string;
  readonly reason: string;
}

/** Collects conditions: ready when none is missing. Conditions begin as missing. */
export class Readiness {
  readonly #missing = new Map<string, string>();
  readonly #listeners = new Set<(ready: boolean) => void>();

  /** Adds a condition. The same name twice is a programming error. */
  condition(name: string, reason: string): Condition {
    if (this.#missing.has(name)) throw new Error(`condition ${name} exists`);
    this.#change(() => this.#missing.set(name, reason));
    return {
      name,
      ready: () => this.#change(() => this.#missing.delete(name)),
      missing: (why) => this.#change(() => this.#missing.set(name, why)),
    };
  }

  get isReady(): boolean {
    return this.#missing.size === 0;
  }

  /** What is missing, in the order of its appearance. */
  get missing(): readonly Missing[] {
    return [...this.#missing].map(([name, reason]) => ({ name, reason }));
  }

  /** Calls `listener` whenever ready turns into not ready or back; returns how to stop that. */
  onChange(listener: (ready: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(act: () => void): void {
    const before = this.isReady;
    act();
    if (before !== this.isReady) for (const listener of this.#listeners) listener(this.isReady);
  }
}
