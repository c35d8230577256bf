import type { Revision } from '@myelin/contracts/types';
import { includesRevision } from '@myelin/revision';
import type { Assignment } from './endpoint.ts';

/** A state of the compiler as a node takes it: what changed since the one before, up to a bookmark. */
export interface StateChange {
  /** Subjects without a policy from now on. */
  readonly removed: readonly number[];
  readonly included: readonly number[];
  readonly dropped: readonly number[];
  /** `included` are all identities that there are. */
  readonly complete: boolean;
}

/** What a node does to take a state, in this order, each step finished before the next one begins. */
export type StateStep =
  | { readonly kind: 'clear bits'; readonly identities: readonly number[] }
  | { readonly kind: 'put policies'; readonly removed: readonly number[] }
  | { readonly kind: 'set bits'; readonly identities: readonly number[] };

/**
 * The steps of a state (design C6): an identity's bit is cleared before a removal's policies and set after all subjects' deltas. `bits`: identities whose bits are set now. `subjects`: identities that the node's
 * endpoints have, asked when they matter; what is in force for them stays, though the compiler may have lost sight of them (C4).
 */
export function* stepsOf(
  { removed, included, dropped, complete }: StateChange,
  bits: readonly number[],
  subjects: () => readonly number[],
): Generator<StateStep, void, void> {
  const all = new Set(included);
  yield { kind: 'clear bits', identities: complete ? bits.filter((identity) => !all.has(identity)) : dropped };
  const wanted = new Set(subjects());
  yield { kind: 'put policies', removed: removed.filter((identity) => !wanted.has(identity)) };
  yield { kind: 'set bits', identities: included };
}

/** Where a node stands: the identity revision that the kernel has reached, and the subjects that it is complete for there. */
export interface Standing {
  readonly reached: Revision;
  readonly subjects: readonly number[];
}

/**
 * Whether the state that a node has was made for a subject and accounts for its identity, assigned at `revision` (design C6): a policy that is in the maps from an earlier subscription may be older than the
 * bookmark.
 */
export function isStateFor({ reached, subjects }: Standing, { identity, revision }: Pick<Assignment, 'identity' | 'revision'>): boolean {
  return subjects.includes(identity) && includesRevision(reached, revision);
}

/**
 * The subjects that an answer of the compiler is complete for (design C6): those of its request that every later request has, too. `asked`: the subjects of that request and of all later ones, in their order. One that was left out in between
 * is not opened at this state: the next one is made without it, and sets bits that its policy doesn't account for, though it may have been asked for again meanwhile.
 */
export function answeredSubjects(asked: Iterable<readonly number[]>): readonly number[] {
  const [first = [], ...later] = asked;
  return first.filter((identity) => later.every((subjects) => subjects.includes(identity)));
}

/**
 * What other nodes must have applied before an endpoint speaks (design C6, C5): its identity; its addresses, too, where they are told by them (native routing) or were somebody else's. Null: they have,
 * as the allocator said with the number.
 */
export function neededOfOthers(
  { revision, published }: Assignment,
  {
    isAppliedByOthers,
    isNative,
    isReused,
  }: { readonly isAppliedByOthers: boolean; readonly isNative: boolean; readonly isReused: boolean },
): { readonly identities: Revision; readonly endpoints?: Revision } | null {
  const needsAddresses = isNative || isReused;
  if (isAppliedByOthers && !needsAddresses) return null;
  return { identities: revision, ...(needsAddresses && published !== null ? { endpoints: published } : {}) };
}
