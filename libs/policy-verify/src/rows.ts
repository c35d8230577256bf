import { contains } from '@myelin/address';
import type { PrefixRow } from '@myelin/policy-localize';
import type { Region } from './regions.ts';

/** Longest match of an address in the kernel's prefix table; null: nothing covers it. */
export type RowOf = (region: Region) => PrefixRow | null;

/** Looks regions up in a node's whole prefix table. */
export function longestMatch(rows: readonly PrefixRow[]): RowOf {
  const narrowestFirst = [...rows].sort((a, b) => b.prefix.bits - a.prefix.bits);
  return ({ at }) => narrowestFirst.find((row) => contains(row.prefix, at)) ?? null;
}
