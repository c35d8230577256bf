interface Unanswered {
  /** What the newest call wants. */
  readonly what: string;
  /** It was sent before, and nobody answered that: it may still be under way when this one has long been answered. */
  readonly isRepeated: boolean;
}

/**
 * The counter of a node's session (design C1): raised before a call contradicts one for the same endpoint that was never answered (a Release after an Allocate that timed out), so that the late
 * call is refused when it arrives.
 */
export class CallCounter {
  #counter: bigint;
  /** By UID: calls that may be under way. */
  readonly #unanswered = new Map<string, Unanswered>();

  /** `counter`: not less than any that an earlier process sent. */
  constructor(counter: bigint) {
    this.#counter = counter;
  }

  get counter(): bigint {
    return this.#counter;
  }

  /** To be asked before each call. `what` tells apart what calls want of the same endpoint. True: the counter was raised, and must be written down before the call is sent. */
  begin(uid: string, what: string): boolean {
    const before = this.#unanswered.get(uid);
    const isRepeated = before?.what === what;
    this.#unanswered.set(uid, { what, isRepeated });
    if (before === undefined || isRepeated) return false;
    this.#counter += 1n;
    return true;
  }

  /** The call came to an end, well or refused. What was sent before it, and never answered, may still arrive. */
  answered(uid: string): void {
    if (this.#unanswered.get(uid)?.isRepeated === false) this.#unanswered.delete(uid);
  }
}
