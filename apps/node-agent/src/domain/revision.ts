import type { Revision } from '@myelin/contracts/types';

/** Before everything: what a node has applied before it has applied anything. */
export const nothingYet: Revision = Object.freeze({ incarnation: 0n, counter: 0n });

/** Order of design C3: by incarnation, then counter. Negative, 0 or positive. */
export function compareRevisions(a: Revision, b: Revision): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  return a.counter < b.counter ? -1 : a.counter > b.counter ? 1 : 0;
}

/** Whether what stands at `reached` includes `wanted`. */
export function includes(reached: Revision, wanted: Revision): boolean {
  return compareRevisions(reached, wanted) >= 0;
}

/** The greater of two. */
export function laterRevision(a: Revision, b: Revision): Revision {
  return includes(a, b) ? a : b;
}

/** `incarnation.counter`, as messages show it. */
export function formatRevision({ incarnation, counter }: Revision): string {
  return `${incarnation}.${counter}`;
}
