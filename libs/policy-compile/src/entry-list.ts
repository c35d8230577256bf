import { type CompiledEntry, compareEntries, compareOrigins, type RuleOrigin } from '@myelin/policy-model';

/** Entries in canonical order, each match and verdict once. */
export type EntryList = readonly CompiledEntry[];

/** Sorted, without duplicates. */
export function canonicalOrigins(origins: readonly RuleOrigin[]): readonly RuleOrigin[] {
  const sorted = [...origins].sort(compareOrigins);
  return sorted.filter((origin, index) => index === 0 || compareOrigins(sorted[index - 1]!, origin) !== 0);
}

/** The same match and verdict from two lists: one entry with the origins of both. Others are shared, not copied. */
function united(a: CompiledEntry, b: CompiledEntry): CompiledEntry {
  return { ...a, origins: canonicalOrigins([...a.origins, ...b.origins]) };
}

function mergeTwo(a: EntryList, b: EntryList): EntryList {
  const merged: CompiledEntry[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const [left, right] = [a[i]!, b[j]!];
    const order = compareEntries(left, right);
    merged.push(order === 0 ? united(left, right) : order < 0 ? left : right);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  while (i < a.length) merged.push(a[i++]!);
  while (j < b.length) merged.push(b[j++]!);
  return merged;
}

/** One canonical list of several, in n log k comparisons. */
export function mergeEntries(lists: readonly EntryList[]): EntryList {
  if (lists.length === 0) return [];
  if (lists.length === 1) return lists[0]!;
  const half = lists.length >> 1;
  return mergeTwo(mergeEntries(lists.slice(0, half)), mergeEntries(lists.slice(half)));
}

/** Any entries as a canonical list. */
export function canonicalEntries(entries: Iterable<CompiledEntry>): EntryList {
  const sorted = [...entries].sort(compareEntries);
  const list: CompiledEntry[] = [];
  for (const entry of sorted) {
    const last = list.at(-1);
    if (last !== undefined && compareEntries(last, entry) === 0) list[list.length - 1] = united(last, entry);
    else list.push(entry);
  }
  return list;
}
