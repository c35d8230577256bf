import { contains, type Family, formatPrefix, type Prefix, prefix } from '@myelin/address';
import type { CompiledDirection, CompiledPeer, CompiledPolicy } from '@myelin/policy-model';
import { expand } from './expand.ts';
import { dropRedundant, fold } from './fold.ts';
import type { Allocation, LocalDirection, LocalEntry, LocalPolicy, Origin, PrefixRow } from './local-policy.ts';
import { OriginTable } from './origin-table.ts';
import { PrefixTable } from './prefix-table.ts';

/** What changed on this node. Omitted parts are as before. */
export interface LocalChange {
  readonly put?: readonly CompiledPolicy[];
  /** Subject identities that are gone. */
  readonly removed?: readonly number[];
  /** The cluster's own pod and node ranges: all of them. */
  readonly clusterRanges?: readonly Prefix[];
}

/** One thing to write; empty lists are left out of an update. Within a step any order is good; each subject is to be replaced at once. */
export type LocalStep =
  | { readonly kind: 'subjects'; readonly put: readonly LocalPolicy[]; readonly removed: readonly number[] }
  | { readonly kind: 'prefixes'; readonly put: readonly PrefixRow[]; readonly deleted: readonly Prefix[] };

/** What a subject takes from the tables, for giving it back. */
interface Held {
  readonly policy: CompiledPolicy;
  readonly prefixes: readonly string[];
  /** Where its entries are about all prefixes of the table. */
  readonly wide: { readonly families: ReadonlySet<Family>; readonly outer: readonly Prefix[] };
  origins: ReadonlySet<number>;
}

const emptyAllocation: Allocation = { nextPrefix: 1, prefixes: [], nextOrigin: 1, origins: [] };

const peersOf = ({ ingress, egress }: CompiledPolicy): CompiledPeer[] => [...ingress.entries, ...egress.entries].map(({ peer }) => peer);

/** Turns the symbolic policies of a node's subjects into the numbers of its kernel (design C7), one change at a time. */
export class Localizer {
  readonly #prefixes: PrefixTable;
  readonly #origins: OriginTable;
  readonly #subjects = new Map<number, Held>();
  #clusterRanges: readonly Prefix[] = [];
  #rows = new Map<string, PrefixRow>();
  #rowsRevision = 0;
  #started = false;

  /** Starts with no subjects; `allocation` keeps numbers that the kernel has from before. */
  constructor(allocation: Allocation = emptyAllocation) {
    this.#prefixes = new PrefixTable(allocation.nextPrefix, allocation.prefixes);
    this.#origins = new OriginTable(allocation.nextOrigin, allocation.origins);
  }

  /**
   * Takes a change and says what to write, one step after the other; at every moment in between each subject decides by its old policy or by its
   * new one. The update before must be in the kernel. A subject put with the digest that it has is left alone.
   *
   * 1. Subjects whose policies in force are about addresses that get a number of their own learn that number.
   * 2. Those addresses get it.
   * 3. Subjects get their new policies.
   * 4. Prefixes that nobody names any more go.
   */
  update({ put = [], removed = [], clusterRanges = this.#clusterRanges }: LocalChange): readonly LocalStep[] {
    // At first all numbers are unused: those of the restored allocation are still in the kernel.
    if (this.#started) this.#prefixes.settle();
    this.#started = true;
    const wanted = new Map(put.map((policy) => [policy.identity, policy]));
    const gone = removed.filter((identity) => this.#subjects.has(identity) && !wanted.has(identity));
    const replacing = [...wanted.values()]
      .filter(({ identity, digest }) => this.#subjects.get(identity)?.policy.digest !== digest)
      .map(hold);
    const leaving = [...gone, ...replacing.map(({ policy }) => policy.identity)]
      .map((identity) => this.#subjects.get(identity))
      .filter((held) => held !== undefined);

    const fresh = replacing.flatMap(({ prefixes }) => prefixes.filter((text) => this.#prefixes.use(text)).map((text) => prefix(text)));
    const prepared = this.#affectedBy(fresh).map((held) => this.#localize(held));
    const numbered = this.#moveRows(clusterRanges);
    const replaced = replacing.map((held) => this.#localize(held));
    for (const identity of gone) this.#subjects.delete(identity);
    for (const held of replacing) this.#subjects.set(held.policy.identity, held);
    for (const held of leaving) this.#release(held);
    const steps: readonly LocalStep[] = [
      { kind: 'subjects', put: prepared, removed: [] },
      numbered,
      { kind: 'subjects', put: replaced, removed: gone },
      this.#moveRows(clusterRanges),
    ];
    return steps.filter((step) => step.put.length > 0 || (step.kind === 'subjects' ? step.removed : step.deleted).length > 0);
  }

  /** What an origin number of an event stands for; null when it is none of ours or long forgotten. */
  origin(number: number): Origin | null {
    return this.#origins.get(number);
  }

  /** All rows that the kernel's prefix table should hold now. */
  prefixRows(): readonly PrefixRow[] {
    return [...this.#rows.values()];
  }

  /** All numbers given, as plain data. */
  allocation(): Allocation {
    return {
      nextPrefix: this.#prefixes.next,
      prefixes: this.#prefixes.entries(),
      nextOrigin: this.#origins.next,
      origins: this.#origins.rows(),
    };
  }

  /** Subjects in force with entries about addresses that are getting another number. */
  #affectedBy(fresh: readonly Prefix[]): Held[] {
    if (fresh.length === 0) return [];
    return [...this.#subjects.values()].filter(({ wide }) =>
      fresh.some((one) => wide.families.has(one.family) || wide.outer.some((outer) => contains(outer, one))),
    );
  }

  #release({ prefixes, origins }: Held): void {
    for (const text of prefixes) this.#prefixes.release(text);
    this.#origins.release(origins);
  }

  #localize(held: Held): LocalPolicy {
    const { identity, ingress, egress, digest } = held.policy;
    const local = { identity, digest, ingress: this.#localizeDirection(ingress), egress: this.#localizeDirection(egress) };
    const used = [local.ingress, local.egress].flatMap(({ defaultOrigin, entries }) => [
      defaultOrigin,
      ...entries.map(({ origin }) => origin),
    ]);
    const before = held.origins;
    held.origins = new Set(used.filter((number) => number !== 0));
    this.#origins.retain(held.origins);
    this.#origins.release(before);
    return local;
  }

  #localizeDirection(direction: CompiledDirection): LocalDirection {
    const entries: LocalEntry[] = [];
    for (const { key, says } of expand(direction, this.#prefixes)) {
      const folded = fold(says).map(({ origins, ...match }) => ({ peer: key, ...match, origin: this.#origins.rulesNumber(origins) }));
      for (const entry of dropRedundant(folded, (a, b) => a.verdict === b.verdict && a.origin === b.origin)) entries.push(entry);
    }
    const defaultOrigin = direction.isolated ? this.#origins.defaultDenyNumber(direction.isolatedBy) : 0;
    return { isolated: direction.isolated, defaultOrigin, entries };
  }

  /** From the rows that the kernel has to those that the table asks for now. */
  #moveRows(clusterRanges: readonly Prefix[]): Extract<LocalStep, { kind: 'prefixes' }> {
    const { revision } = this.#prefixes;
    if (revision === this.#rowsRevision && clusterRanges === this.#clusterRanges) return { kind: 'prefixes', put: [], deleted: [] };
    this.#rowsRevision = revision;
    this.#clusterRanges = clusterRanges;
    const before = this.#rows;
    const rows = new Map(this.#prefixes.kernelRows(clusterRanges).map((row) => [formatPrefix(row.prefix), row]));
    this.#rows = rows;
    const isNew = ([text, row]: [string, PrefixRow]) => {
      const known = before.get(text);
      return known?.identity !== row.identity || known.peerClass !== row.peerClass;
    };
    return {
      kind: 'prefixes',
      put: [...rows].filter(isNew).map(([, row]) => row),
      deleted: [...before].filter(([text]) => !rows.has(text)).map(([, row]) => row.prefix),
    };
  }
}

function hold(policy: CompiledPolicy): Held {
  const prefixes = new Set<string>();
  const outer = new Set<string>();
  const families = new Set<Family>();
  for (const peer of peersOf(policy)) {
    if (peer.kind === 'world') for (const family of peer.family === null ? ([4, 6] as const) : [peer.family]) families.add(family);
    if (peer.kind !== 'cidr' && peer.kind !== 'ipBlock') continue;
    outer.add(peer.prefix);
    for (const text of [peer.prefix, ...peer.except]) prefixes.add(text);
  }
  return { policy, prefixes: [...prefixes], wide: { families, outer: [...outer].map((text) => prefix(text)) }, origins: new Set() };
}
