import type { ReleaseLayout } from './layout.ts';

/** What a tree owes to a release whose maps it reads otherwise (design D6). */
export interface Debt {
  readonly release: ReleaseLayout;
  readonly now: ReleaseLayout;
  /** `layoutChanges` between the two. */
  readonly changes: readonly string[];
  /** Whether this tree can take over flows of that release's layout. */
  readonly migrates: boolean;
}

/**
 * What is missing, a sentence each; empty: nothing. A change must be told by the digest, else an agent would take maps for its own that it can't read; one of a flow struct by `FLOW_LAYOUT` as well,
 * which stands in the buckets; and from the first release on there must be a migration.
 */
export function missing({ release, now, changes, migrates }: Debt): readonly string[] {
  if (changes.length === 0) return [];
  const since = `changed since ${release.version}: ${changes.join('; ')}`;
  const isFlow = changes.some((change) => /^(struct flow_|map flows_|number (flow|FLOW_))/.test(change));
  return [
    ...(release.digest === now.digest ? [`${since}. The layout’s digest is the same: name the struct in libs/datapath/src/layout.ts`] : []),
    ...(isFlow && release.flowLayout === now.flowLayout ? [`${since}. FLOW_LAYOUT is the same: raise it in bpf/include/types/flow.h`] : []),
    ...(migrates ? [] : [`${since}. There is no migration from ${release.version}: add it to libs/datapath`]),
  ];
}
