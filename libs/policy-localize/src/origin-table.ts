import { compareOrigins, comparePolicies, type PolicyReference, type RuleOrigin } from '@myelin/policy-model';
import type { Origin, OriginRow } from './local-policy.ts';

/** How many numbers that nothing uses any more are still explained: events and flows may name them late. */
const remembered = 4096;

const policyKey = ({ kind, namespace, name, uid }: PolicyReference) => `${kind}/${namespace}/${name}/${uid}`;
const ruleKey = ({ policy, section, specIndex, ruleIndex }: RuleOrigin) => `${policyKey(policy)}/${section}/${specIndex}/${ruleIndex}`;

function unique<T>(members: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  const sorted = [...members].sort(compare);
  return sorted.filter((member, index) => index === 0 || compare(sorted[index - 1]!, member) !== 0);
}

const originKey = (origin: Origin) =>
  origin.kind === 'rules' ? `r ${origin.rules.map(ruleKey).join(' ')}` : `d ${origin.policies.map(policyKey).join(' ')}`;

interface Row extends OriginRow {
  users: number;
}

/** Numbers of origins: the same origin has the same number as long as anything uses it, and no number comes back for another. */
export class OriginTable {
  readonly #rows = new Map<string, Row>();
  readonly #byNumber = new Map<number, Row>();
  /** Numbers that nothing uses, those given back first in front. */
  readonly #unused = new Set<number>();
  readonly #seen = new WeakMap<readonly RuleOrigin[], number>();
  #next: number;

  constructor(next: number, rows: readonly OriginRow[]) {
    this.#next = next;
    for (const row of rows) this.#insert(originKey(row.origin), { ...row, users: 0 });
  }

  /** Number of a set of rules; they need no order. It is a promise only once it is retained. */
  rulesNumber(rules: readonly RuleOrigin[]): number {
    const known = this.#seen.get(rules);
    if (known !== undefined && this.#byNumber.has(known)) return known;
    const number = this.#numberOf({ kind: 'rules', rules: unique(rules, compareOrigins) });
    this.#seen.set(rules, number);
    return number;
  }

  /** Number of the policies that isolate. */
  defaultDenyNumber(policies: readonly PolicyReference[]): number {
    return this.#numberOf({ kind: 'default-deny', policies: unique(policies, comparePolicies) });
  }

  /** Takes numbers into use. */
  retain(numbers: Iterable<number>): void {
    for (const number of numbers) {
      const row = this.#byNumber.get(number)!;
      row.users++;
      this.#unused.delete(number);
    }
  }

  /** Gives back one use of each number. */
  release(numbers: Iterable<number>): void {
    for (const number of numbers) {
      const row = this.#byNumber.get(number);
      if (row !== undefined && --row.users === 0) this.#unused.add(number);
    }
    for (const number of this.#unused) {
      if (this.#unused.size <= remembered) break;
      this.#unused.delete(number);
      this.#rows.delete(originKey(this.#byNumber.get(number)!.origin));
      this.#byNumber.delete(number);
    }
  }

  /** What a number stands for; null when it was never given or is forgotten. */
  get(number: number): Origin | null {
    return this.#byNumber.get(number)?.origin ?? null;
  }

  /** All rows, by number. */
  rows(): OriginRow[] {
    return [...this.#byNumber.values()].map(({ number, origin }) => ({ number, origin })).sort((a, b) => a.number - b.number);
  }

  get next(): number {
    return this.#next;
  }

  #numberOf(origin: Origin): number {
    const key = originKey(origin);
    return (this.#rows.get(key) ?? this.#insert(key, { number: this.#next++, origin, users: 0 })).number;
  }

  #insert(key: string, row: Row): Row {
    this.#rows.set(key, row);
    this.#byNumber.set(row.number, row);
    this.#unused.add(row.number);
    return row;
  }
}
