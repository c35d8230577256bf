/** Why something can't go on yet: until a time, or until something is so. */
export interface Blocked {
  readonly untilMs: number;
  readonly isReady?: () => boolean;
}

/**
 * Something that a process has asked of the outside. Each step up to the next `yield` happens at once, as one request does at a store; anything else
 * may happen in between.
 */
export type Doing<T> = Generator<Blocked | undefined, T, void>;

/** What is done in one step. */
// biome-ignore lint/correctness/useYield: it needs no other step.
export function* atOnce<T>(act: () => T): Doing<T> {
  return act();
}

/** A part of a process that does one thing after the other: decisions are real, what it asks is answered by models. */
export interface Machine {
  readonly name: string;
  /** What it does happens within its process: nothing of it is under way anywhere else, or goes on after a crash. */
  readonly isLocal?: boolean;
  /** Begins its next deed; null while there is none. */
  begin(): Doing<unknown> | null;
  /** The deed succeeded. */
  answer(value: unknown): void;
  /** It failed, or nobody knows. */
  fail(error: Error): void;
  /** Where it stands after an answer, for the trace. */
  describe(): string;
}

/** A process: machines that are paused and die together. */
export interface Process {
  readonly name: string;
  readonly machines: readonly Machine[];
  /** Begins anew, without anything that only it knew. */
  restart(): void;
}

/** What a store may say instead of an answer; anything else that is thrown ends the run. */
export class Refusal extends Error {}

/** One deed under way. Its machine may have given it up long ago: what was sent may arrive all the same. */
export class Call {
  readonly machine: Machine;
  readonly #doing: Doing<unknown>;
  #blocked: Blocked | null = null;
  #outcome: { readonly value: unknown } | { readonly error: Error } | null = null;

  constructor(machine: Machine, doing: Doing<unknown>) {
    this.machine = machine;
    this.#doing = doing;
  }

  get isOver(): boolean {
    return this.#outcome !== null;
  }

  /** When it can go on by the clock alone; null while it needn't wait. */
  blockedUntilMs(nowMs: number): number | null {
    const blocked = this.#blocked;
    return blocked === null || blocked.untilMs <= nowMs || blocked.isReady?.() === true ? null : blocked.untilMs;
  }

  step(): void {
    try {
      const { done, value } = this.#doing.next();
      if (done === true) this.#outcome = { value };
      else this.#blocked = value ?? null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#outcome = { error };
    }
  }

  /** Tells the machine how it ended. */
  conclude(): void {
    const outcome = this.#outcome!;
    if ('error' in outcome) this.machine.fail(outcome.error);
    else this.machine.answer(outcome.value);
  }
}
