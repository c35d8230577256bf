import { compareRevisions, formatRevision as format, type Revision, zeroRevision } from '@myelin/revision';

/** `incarnation.counter`; "-" where there is none yet. */
export function formatRevision(revision: Revision | undefined): string {
  return revision === undefined || compareRevisions(revision, zeroRevision) === 0 ? '-' : format(revision);
}
