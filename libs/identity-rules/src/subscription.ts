import type { CompiledPolicy } from '@myelin/policy-model';
import { compareRevisions, includesRevision, type Revision, zeroRevision } from '@myelin/revision';

/** What the compiler knows now, as a subscription reads it. */
export interface CompiledView {
  readonly policyRevision: Revision;
  readonly identityRevision: Revision;
  readonly identities: ReadonlySet<number>;
  /** Policies that can't be applied as written, a line each, sorted. */
  readonly problems: readonly string[];
  /** Undefined for an identity that nobody has. */
  compiled(identity: number): CompiledPolicy | undefined;
}

/** What changed since the last view. */
export interface ViewChange {
  readonly subjects: Iterable<number>;
  readonly included: Iterable<number>;
  readonly dropped: Iterable<number>;
}

/** What a node asks for: its whole set of subjects, and the revisions that the answer must include. */
export interface SubscriptionRequest {
  readonly subjects: readonly number[];
  readonly policyRevision: Revision;
  readonly identityRevision: Revision;
  /** Digests of the policies that the node holds, by identity. */
  readonly held: ReadonlyMap<number, string>;
}

export type SubscriptionMessage =
  | { readonly kind: 'policy'; readonly policy: CompiledPolicy }
  | { readonly kind: 'removed'; readonly identity: number }
  | {
      readonly kind: 'bookmark';
      readonly policyRevision: Revision;
      readonly identityRevision: Revision;
      readonly included: readonly number[];
      readonly dropped: readonly number[];
      readonly complete: boolean;
      readonly problems: readonly string[];
      readonly request: number;
    };

const ascending = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);

/**
 * One node's subscription: decides what to send next. Between two flushes it remembers only *that* something changed, never what it was, so that a slow node gets
 * the newest state and the backlog is bounded by the number of its subjects.
 *
 * Invariants: everything before a bookmark makes the state at exactly its two revisions complete for the subjects asked for (C6); nothing is answered
 * before both revisions asked for are reached (C3); an identity is included after it was dropped or never, and dropped only when it was included.
 */
export class Subscription {
  #subjects = new Set<number>();
  /** What the node holds, as far as we have told or been told it. */
  #held = new Map<number, string>();
  #dirty = new Set<number>();
  #removed = new Set<number>();
  #included = new Set<number>();
  #dropped = new Set<number>();
  #wanted = { policy: zeroRevision, identity: zeroRevision };
  #requests = 0;
  #complete = false;
  #bookmarked = { policy: zeroRevision, identity: zeroRevision, request: 0 };

  /** Takes the node's newest request. Its set of subjects replaces the last one. */
  request(request: SubscriptionRequest): void {
    const subjects = new Set(request.subjects);
    if (this.#requests === 0) this.#held = new Map(request.held);
    for (const identity of new Set([...this.#subjects, ...this.#held.keys()])) {
      if (subjects.has(identity)) continue;
      this.#held.delete(identity);
      this.#dirty.delete(identity);
      this.#removed.add(identity);
    }
    for (const identity of subjects) {
      if (!this.#subjects.has(identity)) this.#dirty.add(identity);
      this.#removed.delete(identity);
    }
    this.#subjects = subjects;
    this.#wanted = { policy: request.policyRevision, identity: request.identityRevision };
    this.#requests += 1;
  }

  /** Takes note of a new view. */
  viewChanged(change: ViewChange): void {
    for (const identity of change.subjects) if (this.#subjects.has(identity)) this.#dirty.add(identity);
    for (const identity of change.included) if (!this.#dropped.delete(identity)) this.#included.add(identity);
    for (const identity of change.dropped) if (!this.#included.delete(identity)) this.#dropped.add(identity);
  }

  /** The messages that bring the node to `view`: none where it is there already, has asked nothing yet, or asks for more than the view includes. */
  flush(view: CompiledView): readonly SubscriptionMessage[] {
    if (this.#requests === 0) return [];
    if (!includesRevision(view.policyRevision, this.#wanted.policy) || !includesRevision(view.identityRevision, this.#wanted.identity))
      return [];
    const { policy, identity, request } = this.#bookmarked;
    if (
      this.#complete &&
      request === this.#requests &&
      compareRevisions(policy, view.policyRevision) === 0 &&
      compareRevisions(identity, view.identityRevision) === 0
    )
      return [];
    const messages = [...this.#removals(view), ...this.#policies(view), this.#bookmark(view)];
    this.#dirty.clear();
    this.#removed.clear();
    return messages;
  }

  #removals(view: CompiledView): readonly SubscriptionMessage[] {
    const unknown = [...this.#dirty].filter((identity) => view.compiled(identity) === undefined);
    for (const identity of unknown) {
      this.#dirty.delete(identity);
      this.#held.delete(identity);
    }
    return ascending([...this.#removed, ...unknown]).map((identity) => ({ kind: 'removed', identity }));
  }

  #policies(view: CompiledView): readonly SubscriptionMessage[] {
    return ascending(this.#dirty).flatMap((identity): SubscriptionMessage[] => {
      const policy = view.compiled(identity);
      if (policy === undefined || this.#held.get(identity) === policy.digest) return [];
      this.#held.set(identity, policy.digest);
      return [{ kind: 'policy', policy }];
    });
  }

  #bookmark(view: CompiledView): SubscriptionMessage {
    const first = !this.#complete;
    const message: SubscriptionMessage = {
      kind: 'bookmark',
      policyRevision: view.policyRevision,
      identityRevision: view.identityRevision,
      included: ascending(first ? view.identities : this.#included),
      dropped: first ? [] : ascending(this.#dropped),
      complete: first,
      problems: view.problems,
      request: this.#requests,
    };
    this.#included.clear();
    this.#dropped.clear();
    this.#complete = true;
    this.#bookmarked = { policy: view.policyRevision, identity: view.identityRevision, request: this.#requests };
    return message;
  }
}
