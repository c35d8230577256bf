import { contains, formatPrefix } from '@myelin/address';
import { identityRanges } from '@myelin/labels';
import { type Deviation, verifySubject, verifyWorld } from '@myelin/policy-verify';
import { compareRevisions } from '@myelin/revision';
import type { CompiledTables, HeldTables } from './adapters/policy-tables.ts';

/** One thing on a node that isn't as it was compiled. `subject`: null where it is about the node. */
export interface NodeDeviation extends Deviation {
  readonly subject: number | null;
}

/** Whether both stand at exactly the same revisions: only then can they be compared. */
export function standTogether(held: HeldTables, compiled: CompiledTables): boolean {
  return (
    compareRevisions(held.policyRevision, compiled.policyRevision) === 0 &&
    compareRevisions(held.identityRevision, compiled.identityRevision) === 0
  );
}

/** All that a node's kernel would do otherwise than what was compiled; empty: nothing. Both must stand together. */
export function deviationsOf(held: HeldTables, compiled: CompiledTables): readonly NodeDeviation[] {
  return [
    ...policyDeviations(held, compiled),
    ...rangeDeviations(held),
    ...worldDeviations(held),
    ...endpointDeviations(held),
    ...bitDeviations(held, compiled),
  ];
}

const about = (subject: number | null, what: string, expected: string, found: string): NodeDeviation => ({
  subject,
  direction: null,
  about: what,
  expected,
  found,
});

function policyDeviations(held: HeldTables, compiled: CompiledTables): readonly NodeDeviation[] {
  const missing = [...compiled.policies.keys()].filter((identity) => !held.subjects.has(identity));
  return [
    ...missing.map((identity) => about(identity, 'policy', 'in the kernel', 'nothing')),
    ...[...held.subjects].flatMap(([identity, subject]) => {
      const policy = compiled.policies.get(identity);
      if (policy === undefined) return [about(identity, 'policy', 'nothing: nobody has this identity', 'a policy in the kernel')];
      return verifySubject(policy, subject, held.rows).map((deviation) => ({ subject: identity, ...deviation }));
    }),
  ];
}

/** Addresses of the cluster that nobody has must be unknown, whatever prefix a policy names there (design D4). */
function rangeDeviations({ rows, clusterRanges }: HeldTables): readonly NodeDeviation[] {
  return clusterRanges.flatMap((range) => {
    const inside = rows.filter((row) => contains(range, row.prefix));
    const own = inside.some((row) => row.prefix.bits === range.bits);
    const known = inside.filter(({ identity }) => identity !== 0);
    return [
      ...(own ? [] : [about(null, `cluster range ${formatPrefix(range)}`, 'unknown (identity 0)', 'no entry: the world')]),
      ...known.map(({ prefix, identity }) =>
        about(null, `cluster range ${formatPrefix(range)}`, 'unknown (identity 0)', `identity ${identity} in ${formatPrefix(prefix)}`),
      ),
    ];
  });
}

const worldDeviations = ({ rows, clusterRanges }: HeldTables): readonly NodeDeviation[] =>
  verifyWorld(rows, clusterRanges).map((deviation) => ({ subject: null, ...deviation }));

function endpointDeviations({ endpoints }: HeldTables): readonly NodeDeviation[] {
  return endpoints
    .filter(({ ready, identity, subject }) => ready && subject !== identity)
    .map(({ pod, identity, subject }) =>
      about(identity, `pod ${pod}`, `policy of identity ${identity}`, subject === 0 ? 'no policy' : `policy of identity ${subject}`),
    );
}

/** Bits of identities (design D5) must be exactly those that the compiled policies account for. */
function bitDeviations({ appliedIdentities }: HeldTables, { identities }: CompiledTables): readonly NodeDeviation[] {
  const { first, last } = identityRanges.cluster;
  const expected = new Set(identities.filter((identity) => identity >= first && identity <= last));
  const found = new Set(appliedIdentities);
  return [
    ...[...expected]
      .filter((identity) => !found.has(identity))
      .map((identity) => about(null, `bit of identity ${identity}`, 'set', 'clear')),
    ...[...found]
      .filter((identity) => !expected.has(identity))
      .map((identity) => about(null, `bit of identity ${identity}`, 'clear', 'set')),
  ];
}
