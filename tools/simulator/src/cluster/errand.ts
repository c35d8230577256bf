import type { Doing, Machine } from '../machine.ts';
import { CallRefused } from './allocator.ts';

/** Something asked of the allocator within an errand. `what`: tells what it wants of the endpoint, for the session's counter; null: no session is needed. `isPatient`: asked again where no answer comes. */
export interface Ask {
  readonly what: string | null;
  readonly isPatient?: boolean;
  readonly send: () => Doing<unknown>;
}

/** What is done for one endpoint beside everything else: one ask after the other. */
export type Errand = Generator<Ask, void, never>;

/** After how long a call is sent again that may succeed any moment. */
const retryMs = 300;
const paused = Symbol('paused');

/** What errands need of their agent. */
export interface ErrandOffice {
  /** The session's registration; null: there is none. */
  readonly registration: () => bigint | null;
  readonly begin: (uid: string, what: string) => void;
  readonly answered: (uid: string) => void;
  readonly sessionOver: (registration: bigint) => void;
  /** Lets go of what is under way: it may arrive later. */
  readonly abandon: (machine: Machine) => void;
  readonly turnToOtherReplica: () => void;
  readonly nowMs: () => number;
}

/** Runs an errand's asks: sent again until they are answered, as `IdentitySession` of the node agent does; what can never succeed is thrown into the errand. */
export class ErrandRunner implements Machine {
  readonly name: string;
  readonly #uid: string;
  readonly #office: ErrandOffice;
  #errand: Errand | null = null;
  #ask: Ask | null = null;
  #sentUnder: bigint | null = null;
  #againAtMs = 0;

  constructor(name: string, uid: string, office: ErrandOffice) {
    this.name = name;
    this.#uid = uid;
    this.#office = office;
  }

  get isBusy(): boolean {
    return this.#errand !== null;
  }

  /** Begins an errand; the one before is given up where it stands. */
  run(errand: Errand): void {
    this.stop();
    this.#errand = errand;
    this.#take(errand, errand.next());
  }

  stop(): void {
    if (this.#errand !== null) this.#office.abandon(this);
    this.#errand = this.#ask = null;
  }

  begin(): Doing<unknown> | null {
    if (this.#ask === null) return null;
    const { what, send } = this.#ask;
    if (this.#office.nowMs() < this.#againAtMs) return this.#pause();
    this.#sentUnder = this.#office.registration();
    if (what === null) return send();
    if (this.#sentUnder === null) return null;
    this.#office.begin(this.#uid, what);
    return send();
  }

  answer(value: unknown): void {
    if (value === paused) return;
    if (this.#ask?.what != null) this.#office.answered(this.#uid);
    const errand = this.#errand!;
    this.#ask = null;
    this.#take(errand, errand.next(value as never));
  }

  fail(error: Error): void {
    const prospect = error instanceof CallRefused ? error.prospect : 'soon';
    if (error instanceof CallRefused && prospect === 'soon') this.#againAtMs = this.#office.nowMs() + retryMs;
    const needsSession = this.#ask?.what != null;
    if (needsSession && prospect !== 'soon') this.#office.answered(this.#uid);
    if (needsSession && prospect === 'new-session' && this.#sentUnder !== null) this.#office.sessionOver(this.#sentUnder);
    this.#office.turnToOtherReplica();
    if (prospect === 'never' || (!needsSession && this.#ask?.isPatient !== true)) this.#take(this.#errand!, this.#errand!.throw(error));
  }

  *#pause(): Doing<typeof paused> {
    yield { untilMs: this.#againAtMs };
    return paused;
  }

  describe(): string {
    return this.#ask === null ? 'is done' : `asks: ${this.#ask.what ?? 'who has applied it'}`;
  }

  #take(errand: Errand, { done, value }: IteratorResult<Ask, void>): void {
    // While it went on, another one may have begun.
    if (this.#errand !== errand) return;
    if (done === true) this.#errand = this.#ask = null;
    else this.#ask = value;
  }
}
