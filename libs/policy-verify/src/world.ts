import { contains, formatPrefix, type Prefix } from '@myelin/address';
import { reservedName } from '@myelin/labels';
import { isOutside } from '@myelin/policy-evaluate';
import type { PrefixRow } from '@myelin/policy-localize';
import type { Deviation } from './deviation.ts';
import { regionsOf } from './regions.ts';
import { longestMatch } from './rows.ts';

/**
 * Addresses outside the cluster that a node's kernel takes for something else: unknown ones drop whatever policy says (design D4), also where no policy names them and
 * `verifySubject` has nothing to ask. `rows` is the kernel's whole prefix table.
 */
export function verifyWorld(rows: readonly PrefixRow[], clusterRanges: readonly Prefix[]): readonly Deviation[] {
  const rowOf = longestMatch(rows);
  return regionsOf([...rows.map((row) => row.prefix), ...clusterRanges]).flatMap((region): Deviation[] => {
    if (clusterRanges.some((range) => contains(range, region.at))) return [];
    const identity = rowOf(region)?.identity;
    if (identity !== undefined && isOutside(identity)) return [];
    const found = identity === undefined ? 'no entry: unknown' : (reservedName(identity) ?? `identity ${identity}`);
    return [{ direction: null, about: `addresses in ${formatPrefix(region.prefix)}`, expected: 'the world or a prefix of it', found }];
  });
}
