/**
 * Whether the allocator's word that it kept all that a node has (`continued`) can be believed (design C1). A registration that was answered to nobody may have been the one that found nothing; the next one finds the node
 * registered, and says `continued`.
 */
export class RegistrationAttempts {
  #isOpen: boolean;

  /** `isOpen`: as it was written down last; false for a node that never registered. */
  constructor(isOpen: boolean) {
    this.#isOpen = isOpen;
  }

  /** Whether a registration was begun whose answer has not been acted on. To be written down when it changes: before the call is sent, and after the endpoints' new claims were. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** To be asked before each call. True: what it is answered can be believed. */
  begin(): boolean {
    const isBelieved = !this.#isOpen;
    this.#isOpen = true;
    return isBelieved;
  }

  /** The answer was acted on. */
  answered(): void {
    this.#isOpen = false;
  }
}
