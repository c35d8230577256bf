import { compareRevisions, laterRevision, type Revision, zeroRevision } from '@myelin/revision';

/** A row as somebody has read it. `row` null: it was removed at that revision. */
export interface KnownRow<Row> {
  readonly revision: Revision;
  readonly row: Row | null;
}

/** Rows and removals of one kind, by key. */
export type KnownRows<Row> = ReadonlyMap<string, KnownRow<Row>>;

/**
 * What is known of one kind: for each key what stands at the greatest revision, in a whole bucket or at any agent. A key that a whole bucket doesn't hold, and that somebody knows at a revision that the bucket
 * includes, was removed there: it comes back as a removal. `whole` null: there is no whole bucket.
 */
export function mergeKnown<Row>(whole: KnownRows<Row> | null, presented: KnownRows<Row>): KnownRows<Row> {
  const known = new Map(whole ?? []);
  let end = zeroRevision;
  for (const { revision } of known.values()) end = laterRevision(end, revision);
  for (const [key, theirs] of presented) {
    const ours = known.get(key);
    if (ours === undefined && compareRevisions(theirs.revision, end) <= 0) known.set(key, { revision: end, row: null });
    else if (ours === undefined || compareRevisions(theirs.revision, ours.revision) > 0) known.set(key, theirs);
  }
  return known;
}
