/** Where a stream stands (design C3): ordered by incarnation, then counter. */
export interface Revision {
  readonly incarnation: bigint;
  readonly counter: bigint;
}

/** Before everything. */
export const noRevision: Revision = { incarnation: 0n, counter: 0n };

/** Whether `revision` includes what `wanted` includes. */
export function hasReached(revision: Revision, wanted: Revision): boolean {
  return revision.incarnation === wanted.incarnation ? revision.counter >= wanted.counter : revision.incarnation > wanted.incarnation;
}

export const sameRevision = (a: Revision, b: Revision): boolean => a.incarnation === b.incarnation && a.counter === b.counter;
