/**
 * The counter of a node's session (design C1): raised before a call contradicts one for the same endpoint that was never answered (a Release after an Allocate that timed out), so that the late
 * call is refused when it arrives.
 */
export class CallCounter {
  #counter: bigint;
  /** What each endpoint's unanswered call wanted, by UID. */
  readonly #unanswered = new Map<string, string>();

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
    this.#unanswered.set(uid, what);
    if (before === undefined || before === what) return false;
    this.#counter += 1n;
    return true;
  }

  /** The call came to an end, well or refused: it is not under way any more. */
  answered(uid: string): void {
    this.#unanswered.delete(uid);
  }
}
