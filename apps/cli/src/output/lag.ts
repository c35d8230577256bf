import type { GetStatusResponse } from '@myelin/contracts/agent';
import { includesRevision, laterRevision, type Revision } from '@myelin/revision';
import { formatRevision } from './revision.ts';

/** What a node applies, each with revisions of its own. */
export const kinds = ['policies', 'identities', 'endpoints', 'nodes', 'services'] as const;
type Kind = (typeof kinds)[number];

/** A revision of each kind; absent: none is known. */
export type Revisions = Readonly<Partial<Record<Kind, Revision | undefined>>>;

/** How far a node is behind the newest: in revisions; null where that can't be counted (another incarnation, or nothing applied). */
export type Lag = Readonly<Record<Kind, bigint | null>>;

/** What a node has applied. */
export const appliedBy = (status: GetStatusResponse): Revisions => ({
  policies: status.appliedPolicyRevision,
  identities: status.appliedIdentityRevision,
  endpoints: status.appliedEndpointRevision,
  nodes: status.appliedNodeRevision,
  services: status.appliedServiceRevision,
});

/** What a node knows to be published, beside what it has applied itself. */
export const announcedBy = (status: GetStatusResponse): Revisions => ({
  endpoints: status.announcedEndpointRevision,
  nodes: status.registrationRevision,
});

/** The greatest of each kind. */
export function newestOf(known: readonly Revisions[]): Revisions {
  const greatest = (kind: Kind) =>
    known
      .flatMap((revisions) => revisions[kind] ?? [])
      .reduce<Revision | undefined>((a, b) => (a === undefined ? b : laterRevision(a, b)), undefined);
  return Object.fromEntries(kinds.map((kind) => [kind, greatest(kind)]));
}

/** How far what is applied is behind the newest. */
export function lagOf(applied: Revisions, newest: Revisions): Lag {
  const behind = (has: Revision | undefined, wanted: Revision | undefined): bigint | null => {
    if (wanted === undefined || (has !== undefined && includesRevision(has, wanted))) return 0n;
    return has?.incarnation === wanted.incarnation ? wanted.counter - has.counter : null;
  };
  return Object.fromEntries(kinds.map((kind) => [kind, behind(applied[kind], newest[kind])])) as Lag;
}

/** `3.12`, or with how far that is behind. */
export function formatApplied(kind: Kind, applied: Revisions, newest: Revisions): string {
  const lag = lagOf(applied, newest)[kind];
  const revision = formatRevision(applied[kind]);
  return lag === 0n ? revision : `${revision}, ${lag === null ? '' : `${lag} `}behind ${formatRevision(newest[kind])}`;
}
