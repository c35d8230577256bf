import { comparePrefixes, contains, type Family, formatPrefix, type Prefix, prefix } from '@myelin/address';
import { identityRanges, reservedIdentities } from '@myelin/labels';
import type { PrefixRow } from './local-policy.ts';

const capacity = identityRanges.localPrefix.last - identityRanges.localPrefix.first;

/** A prefix in the table, with its number (1 or more). */
export interface NumberedPrefix {
  readonly prefix: Prefix;
  readonly number: number;
}

interface Row extends NumberedPrefix {
  users: number;
}

/** Identity of the addresses outside the cluster that a numbered prefix is the longest match of. */
export function localIdentity(number: number): number {
  return identityRanges.localPrefix.first + number;
}

/**
 * Prefixes that policies on this node name, and their numbers. A number is a prefix's as long as anything uses it and one round longer:
 * a prefix that lost its last user is `retiring` until `settle`, as the kernel still gives its number to addresses.
 */
export class PrefixTable {
  readonly #rows = new Map<string, Row>();
  readonly #taken = new Set<number>();
  #next: number;
  #revision = 0;
  #sorted: readonly NumberedPrefix[] | null = null;

  constructor(next: number, prefixes: readonly (readonly [string, number])[]) {
    this.#next = next;
    for (const [text, number] of prefixes) this.#insert(text, number);
  }

  /** Takes a prefix into use once more; true when it is new in the table. */
  use(text: string): boolean {
    const known = this.#rows.get(text);
    const row = known ?? this.#insert(text, this.#freeNumber());
    if (row.users === 0) this.#revision++;
    row.users++;
    return known === undefined;
  }

  /** Gives back one use. */
  release(text: string): void {
    const row = this.#rows.get(text);
    if (row !== undefined && --row.users === 0) this.#revision++;
  }

  /** Forgets the prefixes without users. To be called when no address has their numbers any more. */
  settle(): void {
    for (const [text, { users, number }] of this.#rows) {
      if (users > 0) continue;
      this.#rows.delete(text);
      this.#taken.delete(number);
      this.#sorted = null;
    }
  }

  /** Grows whenever a prefix gets its first user or loses its last. */
  get revision(): number {
    return this.#revision;
  }

  /** Prefixes inside `outer` (itself included), retiring ones too. */
  inside(outer: Prefix): NumberedPrefix[] {
    const all = this.#all();
    const found: NumberedPrefix[] = [];
    for (let index = firstNotBefore(all, outer); index < all.length && contains(outer, all[index]!.prefix); index++)
      found.push(all[index]!);
    return found;
  }

  /** All prefixes of one family, retiring ones too. */
  ofFamily(family: Family): NumberedPrefix[] {
    return this.#all().filter((row) => row.prefix.family === family);
  }

  /**
   * The rows that the kernel should have: prefixes in use and the cluster's own ranges. Inside those ranges an address without an owner
   * is unknown, whatever prefix a policy names there.
   */
  kernelRows(clusterRanges: readonly Prefix[]): PrefixRow[] {
    const numbers = new Map([...this.#rows].filter(([, { users }]) => users > 0).map(([text, { number }]) => [text, number]));
    const ranges = new Set(clusterRanges.map(formatPrefix));
    const all = new Map([...ranges, ...numbers.keys()].map((text) => [text, prefix(text)]));
    const rows: PrefixRow[] = [];
    /** Rows that cover what comes next, the narrowest last. */
    const open: PrefixRow[] = [];
    for (const [text, one] of [...all].sort(([, a], [, b]) => comparePrefixes(a, b))) {
      while (open.length > 0 && !contains(open.at(-1)!.prefix, one)) open.pop();
      const parent = open.at(-1);
      const number = numbers.get(text);
      const outside = number !== undefined && !ranges.has(text) && parent?.identity !== reservedIdentities.unknown;
      const identity = outside ? localIdentity(number) : reservedIdentities.unknown;
      const row = { prefix: one, identity, peerClass: number ?? parent?.peerClass ?? 0 };
      rows.push(row);
      open.push(row);
    }
    return rows;
  }

  /** Texts and numbers, retiring ones too, by text. */
  entries(): [string, number][] {
    return [...this.#rows].map(([text, { number }]): [string, number] => [text, number]).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get next(): number {
    return this.#next;
  }

  #all(): readonly NumberedPrefix[] {
    this.#sorted ??= [...this.#rows.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
    return this.#sorted;
  }

  #insert(text: string, number: number): Row {
    const row = { prefix: prefix(text), number, users: 0 };
    this.#rows.set(text, row);
    this.#taken.add(number);
    this.#sorted = null;
    return row;
  }

  /** Numbers go round, so that one comes back as late as possible. */
  #freeNumber(): number {
    if (this.#taken.size >= capacity) throw new RangeError(`more than ${capacity} prefixes in the policies of one node`);
    while (this.#taken.has(this.#next)) this.#next = (this.#next % capacity) + 1;
    const number = this.#next;
    this.#next = (number % capacity) + 1;
    return number;
  }
}

/** Index of the first prefix that is not before `outer` in order: where those inside it begin. */
function firstNotBefore(sorted: readonly NumberedPrefix[], outer: Prefix): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePrefixes(sorted[middle]!.prefix, outer) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
