import type { Revision } from '@myelin/contracts/types';

/** `incarnation.counter`; "-" where there is none yet. */
export function formatRevision(revision: Revision | undefined): string {
  return revision === undefined || (revision.incarnation === 0n && revision.counter === 0n)
    ? '-'
    : `${revision.incarnation}.${revision.counter}`;
}
