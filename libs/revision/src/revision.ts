import type { Revision } from '@myelin/contracts/types';

/** Less than every revision that was ever given. */
export const zeroRevision: Revision = Object.freeze({ incarnation: 0n, counter: 0n });

/** Order of revisions: by incarnation, then by counter. Negative, 0 or positive. */
export function compareRevisions(a: Revision, b: Revision): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  if (a.counter !== b.counter) return a.counter < b.counter ? -1 : 1;
  return 0;
}

/** Whether what stands at `reached` includes `wanted`. */
export function includesRevision(reached: Revision, wanted: Revision): boolean {
  return compareRevisions(reached, wanted) >= 0;
}

/** The greater of two. */
export function laterRevision(a: Revision, b: Revision): Revision {
  return includesRevision(a, b) ? a : b;
}

/** "incarnation.counter", for logs and messages. */
export function formatRevision({ incarnation, counter }: Revision): string {
  return `${incarnation}.${counter}`;
}

/** Reads what `formatRevision` wrote; null: it is none. */
export function parseRevision(text: string): Revision | null {
  const parts = /^(\d{1,20})\.(\d{1,20})$/.exec(text);
  return parts === null ? null : { incarnation: BigInt(parts[1]!), counter: BigInt(parts[2]!) };
}
