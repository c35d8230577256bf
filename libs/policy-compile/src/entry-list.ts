import {
  addEntries,
  addSums,
  type CompiledEntry,
  compareEntries,
  compareOrigins,
  type EntrySum,
  emptySum,
  type RuleOrigin,
  sumOf,
} from '@myelin/policy-model';

/** Entries in canonical order, each match and verdict once, and their sum for the digest. Lists are never changed: others share them. */
export interface EntryList {
  readonly entries: readonly CompiledEntry[];
  readonly sum: EntrySum;
}

export const emptyList: EntryList = Object.freeze({ entries: [], sum: emptySum() });

/** Sorted, without duplicates. */
export function canonicalOrigins(origins: readonly RuleOrigin[]): readonly RuleOrigin[] {
  const sorted = [...origins].sort(compareOrigins);
  return sorted.filter((origin, index) => index === 0 || compareOrigins(sorted[index - 1]!, origin) !== 0);
}

/** The same match and verdict from two lists: one entry with the origins of both. Others are shared, not copied. */
function united(a: CompiledEntry, b: CompiledEntry): CompiledEntry {
  return { ...a, origins: canonicalOrigins([...a.origins, ...b.origins]) };
}

/** Index of the first entry from `from` on that isn't before `entry`; costs the logarithm of how far that is. */
function gallop(entries: readonly CompiledEntry[], entry: CompiledEntry, from: number): number {
  let step = 1;
  let low = from;
  for (; low + step <= entries.length && compareEntries(entries[low + step - 1]!, entry) < 0; step *= 2) low += step;
  let high = Math.min(low + step - 1, entries.length);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareEntries(entries[middle]!, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A short list into a long one costs a few comparisons for each of the short one's entries. */
function mergeEntries(a: readonly CompiledEntry[], b: readonly CompiledEntry[]): readonly CompiledEntry[] {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const merged: CompiledEntry[] = [];
  let taken = 0;
  for (const entry of short) {
    const end = gallop(long, entry, taken);
    while (taken < end) merged.push(long[taken++]!);
    const same = long[end];
    const isInBoth = same !== undefined && compareEntries(same, entry) === 0;
    merged.push(isInBoth ? united(same, entry) : entry);
    if (isInBoth) taken++;
  }
  while (taken < long.length) merged.push(long[taken++]!);
  return merged;
}

/** One canonical list of several of different rules, in n log k comparisons at most. Different rules have different origins, so their sums are added as they are. */
export function mergeLists(lists: readonly EntryList[]): EntryList {
  if (lists.length <= 1) return lists[0] ?? emptyList;
  const half = lists.length >> 1;
  const [a, b] = [mergeLists(lists.slice(0, half)), mergeLists(lists.slice(half))];
  return { entries: mergeEntries(a.entries, b.entries), sum: addSums(a.sum, b.sum) };
}

/** Any entries as a canonical list. */
export function canonicalList(entries: Iterable<CompiledEntry>): EntryList {
  const canonical = canonicalEntries(entries);
  return { entries: canonical, sum: sumOf(canonical) };
}

function canonicalEntries(entries: Iterable<CompiledEntry>): readonly CompiledEntry[] {
  const sorted = [...entries].sort(compareEntries);
  const list: CompiledEntry[] = [];
  for (const entry of sorted) {
    const last = list.at(-1);
    if (last !== undefined && compareEntries(last, entry) === 0) list[list.length - 1] = united(last, entry);
    else list.push(entry);
  }
  return list;
}

/** Index of the first entry that isn't before those about an identity: `any` is, and the identities below it (compareEntries). */
function positionOf(identity: number, entries: readonly CompiledEntry[]): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const { peer } = entries[middle]!;
    if (peer.kind === 'any' || (peer.kind === 'identity' && peer.identity < identity)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The list with other entries about one identity: costs these, whatever else there is. */
export function withEntriesAbout(identity: number, entries: Iterable<CompiledEntry>, list: EntryList): EntryList {
  const [from, to] = [positionOf(identity, list.entries), positionOf(identity + 1, list.entries)];
  const [gone, come] = [list.entries.slice(from, to), canonicalEntries(entries)];
  if (gone.length === 0 && come.length === 0) return list;
  const sum = list.sum.slice();
  addEntries(sum, gone, -1);
  addEntries(sum, come);
  return { entries: list.entries.toSpliced(from, to - from, ...come), sum };
}
