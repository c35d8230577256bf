import type { Revision } from '@myelin/contracts/types';
import type { RowChange } from './consumer-state.ts';

/** What is to be handed over: the changes that take the consumer to `revision`, exactly. */
export interface Handover {
  readonly changes: readonly RowChange[];
  readonly revision: Revision;
}

/** Where reading has got to: see ConsumerState. */
export interface Reading {
  readonly isSettled: boolean;
  readonly reached: Revision | null;
}

/**
 * Collects what was read until it may be handed over: at a point where it is a state of the publisher exactly, and not while the last handover is
 * under way. What was refused joins the next one, under whatever has come since.
 */
export class Delivery {
  #pending = new Map<string, RowChange>();
  #underWay: Handover | null = null;
  #handled: Revision | null = null;

  /** Everything up to this has been handled; null before the first snapshot. */
  get handled(): Revision | null {
    return this.#handled;
  }

  collect(changes: readonly RowChange[]): void {
    for (const change of changes) this.#pending.set(change.key, change);
  }

  /** The next handover; null while there is nothing to hand over, or it is not the time. To be ended by `succeed` or `fail`. */
  begin({ isSettled, reached }: Reading): Handover | null {
    if (this.#underWay !== null || !isSettled || (this.#pending.size === 0 && reached === this.#handled)) return null;
    this.#underWay = { changes: [...this.#pending.values()], revision: reached! };
    this.#pending = new Map();
    return this.#underWay;
  }

  succeed(): void {
    this.#handled = this.#underWay!.revision;
    this.#underWay = null;
  }

  fail(): void {
    for (const change of this.#underWay!.changes) if (!this.#pending.has(change.key)) this.#pending.set(change.key, change);
    this.#underWay = null;
  }
}
