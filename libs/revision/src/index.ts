export type { Revision } from '@myelin/contracts/types';
export { compareRevisions, formatRevision, includesRevision, laterRevision, zeroRevision } from './revision.ts';
