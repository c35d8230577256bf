export type { Revision } from '@myelin/contracts/types';
export { compareRevisions, formatRevision, includesRevision, laterRevision, parseRevision, zeroRevision } from './revision.ts';
