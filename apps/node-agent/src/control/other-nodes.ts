import { type Assignment, neededOfOthers } from '@myelin/identity-rules';
import type { Log } from '@myelin/service';
import type { Counter, Meter } from '@opentelemetry/api';
import type { Allocation, AppliedRevisions, IdentitySession } from '../adapters/identity-session.ts';

/** What waiting for other nodes needs. */
export interface OtherNodesOptions {
  readonly session: Pick<IdentitySession, 'awaitApplied'>;
  /** Other nodes tell identities by address: they need an endpoint's addresses, too, before it speaks. */
  readonly isNative: boolean;
  readonly log: Log;
  readonly meter: Meter;
}

interface Wait {
  readonly assignment: Assignment;
  isOver: boolean;
  message: string;
}

/** What endpoints wait for on other nodes (design C6): a second at most, then they go on, and it is told who was late. */
export class OtherNodes {
  readonly #options: OtherNodesOptions;
  readonly #late: Counter;
  readonly #waits = new Map<string, Wait>();

  constructor(options: OtherNodesOptions) {
    this.#options = options;
    this.#late = options.meter.createCounter('late_nodes', { description: 'Waits for other nodes that went on without one, by its name' });
  }

  /** Waits until others have applied an endpoint's number, and its addresses where they are told by them or were somebody else's (C5); once for each. `onOver`: called when there is nothing to wait for any more, at once where there never was. */
  begin(uid: string, { assignment, isAppliedByOthers }: Allocation, isReused: boolean, signal: AbortSignal, onOver: () => void): void {
    const known = this.#waits.get(uid);
    if (known?.assignment.identity === assignment.identity && known.assignment.revision === assignment.revision) return;
    const wanted = neededOfOthers(assignment, { isAppliedByOthers, isNative: this.#options.isNative, isReused });
    const wait: Wait = { assignment, isOver: wanted === null, message: '' };
    this.#waits.set(uid, wait);
    if (wanted === null) {
      onOver();
      return;
    }
    void this.applied(uid, wanted, `identity ${assignment.identity}`, signal).then((message) => {
      if (signal.aborted) {
        if (this.#waits.get(uid) === wait) this.#waits.delete(uid);
        return;
      }
      wait.isOver = true;
      wait.message = message;
      onOver();
    });
  }

  /** Whether an endpoint need not wait any more for its number, and who was late; null: nobody was asked. */
  standing(uid: string, { identity }: Assignment): { readonly isOver: boolean; readonly message: string } | null {
    const wait = this.#waits.get(uid);
    return wait?.assignment.identity === identity ? wait : null;
  }

  forget(uid: string): void {
    this.#waits.delete(uid);
  }

  /** Waits until all others have applied this; who was late, as a text for people, empty where nobody was. Never throws. */
  async applied(uid: string, wanted: AppliedRevisions, what: string, signal: AbortSignal): Promise<string> {
    const { session, log } = this.#options;
    try {
      const late = await session.awaitApplied(wanted, signal);
      if (late.length === 0) return '';
      for (const node of late) this.#late.add(1, { node });
      log.warn({ uid, nodes: late, what }, 'other nodes are late: an endpoint goes on without them');
      return `${late.join(', ')} had not applied ${what} in time`;
    } catch (error) {
      const reason = (error as Error).message;
      if (!signal.aborted)
        log.warn({ uid, what, reason }, 'it is not known what other nodes have applied: an endpoint goes on without them');
      return `it is not known which nodes have applied ${what}: ${reason}`;
    }
  }
}
