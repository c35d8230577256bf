import { reservedIdentities } from '@myelin/labels';
import {
  allowLocalhost,
  type CompiledDirection,
  type CompiledPolicy,
  comparePolicies,
  type Direction,
  digestOf,
  type EntrySum,
  type Policy,
} from '@myelin/policy-model';
import { type IdentityChange, IdentityIndex, type Selection, SetMap } from '@myelin/policy-resolve';
import { type BoundSpec, bindPolicy, nameKey, type PolicyName } from './bound-policy.ts';
import type { BoundRule } from './bound-rule.ts';
import { canonicalList, mergeLists } from './entry-list.ts';

/** What can happen to the compiler's input. A policy replaces the one of the same kind, namespace and name. */
export type CompilerEvent =
  | { readonly kind: 'identity-put'; readonly identity: number; readonly labels: readonly string[] }
  | { readonly kind: 'identity-delete'; readonly identity: number }
  | { readonly kind: 'policy-put'; readonly policy: Policy }
  | { readonly kind: 'policy-delete'; readonly reference: PolicyName };

const hostEntries = canonicalList([
  {
    peer: { kind: 'identity', identity: reservedIdentities.host },
    protocol: null,
    ports: null,
    verdict: 'allow',
    origins: [allowLocalhost],
  },
]);

/**
 * Compiles all policies for every allocated identity, incrementally: an event costs what it touches, and a compiled policy is made when it
 * is asked for. What `compiled` answers depends only on the identities and policies there are, never on the order they came in.
 */
export class PolicyCompiler {
  readonly #index = new IdentityIndex();
  readonly #policies = new Map<string, readonly BoundSpec[]>();
  readonly #specsOfSubjects = new SetMap<Selection, BoundSpec>();
  readonly #rulesOfPeers = new SetMap<Selection, BoundRule>();
  readonly #rulesOfPortNames = new SetMap<string, BoundRule>();
  readonly #compiled = new Map<number, CompiledPolicy>();
  /** What subjects of the same specs share, by these; until the next event. */
  readonly #shared = new Map<string, Omit<CompiledPolicy, 'identity'>>();

  /** Takes one event; returns the identities whose compiled policy may be another now, gone ones included. */
  apply(event: CompilerEvent): ReadonlySet<number> {
    const changed = new Set<number>();
    this.#shared.clear();
    switch (event.kind) {
      case 'identity-put':
        this.#touch(event.identity, this.#index.put(event.identity, event.labels), changed);
        changed.add(event.identity);
        break;
      case 'identity-delete':
        this.#touch(event.identity, this.#index.delete(event.identity), changed);
        changed.add(event.identity);
        break;
      case 'policy-put':
        this.#remove(event.policy.reference, changed);
        this.#insert(event.policy, changed);
        break;
      case 'policy-delete':
        this.#remove(event.reference, changed);
        break;
    }
    for (const identity of changed) this.#compiled.delete(identity);
    return changed;
  }

  /** Compiled policy of an identity; null when it isn't known. */
  compiled(identity: number): CompiledPolicy | null {
    if (!this.#index.has(identity)) return null;
    const known = this.#compiled.get(identity);
    if (known !== undefined) return known;
    const specs = [...this.#index.selectionsOf(identity)].flatMap((selection) => [...(this.#specsOfSubjects.get(selection) ?? [])]);
    const policy = { identity, ...this.#compile(identity, specs) };
    this.#compiled.set(identity, policy);
    return policy;
  }

  /** Compiles once for all subjects of the same specs, where no rule reads something of the subject itself. */
  #compile(subject: number, specs: readonly BoundSpec[]): Omit<CompiledPolicy, 'identity'> {
    if (specs.some(({ rules }) => rules.some(({ isPerSubject }) => isPerSubject))) return compileSpecs(subject, specs);
    const key = specs
      .map((spec) => spec.key)
      .sort()
      .join('\n');
    const known = this.#shared.get(key) ?? compileSpecs(subject, specs);
    this.#shared.set(key, known);
    return known;
  }

  /** All known identities, ascending. */
  identities(): readonly number[] {
    return this.#index.identities().sort((a, b) => a - b);
  }

  /** Identities that a policy selects now, ascending; none for an unknown policy. */
  subjectsOf(name: PolicyName): readonly number[] {
    const subjects = new Set<number>();
    for (const spec of this.#policies.get(nameKey(name)) ?? []) this.#addSubjects(spec.subjects, subjects);
    return [...subjects].sort((a, b) => a - b);
  }

  #insert(policy: Policy, changed: Set<number>): void {
    const specs = bindPolicy(policy, this.#index);
    this.#policies.set(nameKey(policy.reference), specs);
    for (const spec of specs) {
      this.#specsOfSubjects.add(spec.subjects, spec);
      for (const rule of spec.rules) {
        for (const selection of rule.selections) this.#rulesOfPeers.add(selection, rule);
        for (const name of rule.watchedNames) this.#rulesOfPortNames.add(name, rule);
      }
      this.#addSubjects(spec.subjects, changed);
    }
  }

  #remove(name: PolicyName, changed: Set<number>): void {
    const key = nameKey(name);
    for (const spec of this.#policies.get(key) ?? []) {
      this.#addSubjects(spec.subjects, changed);
      this.#specsOfSubjects.delete(spec.subjects, spec);
      for (const rule of spec.rules) {
        for (const selection of rule.selections) this.#rulesOfPeers.delete(selection, rule);
        for (const portName of rule.watchedNames) this.#rulesOfPortNames.delete(portName, rule);
      }
      spec.release();
    }
    this.#policies.delete(key);
  }

  /** Finds whose policy names an identity that came or went. */
  #touch(identity: number, { selections, portNames }: IdentityChange, changed: Set<number>): void {
    const rules = new Set<BoundRule>();
    for (const selection of selections) for (const rule of this.#rulesOfPeers.get(selection) ?? []) rules.add(rule);
    for (const name of portNames) for (const rule of this.#rulesOfPortNames.get(name) ?? []) rules.add(rule);
    const subjects = new Set<Selection>();
    for (const rule of rules) {
      rule.identityChanged(identity);
      subjects.add(rule.spec.subjects);
    }
    for (const selection of subjects) this.#addSubjects(selection, changed);
  }

  /** Subjects are allocated identities: a selector that also fits a reserved one doesn't make it a subject. */
  #addSubjects({ members }: Selection, to: Set<number>): void {
    for (const identity of members) if (this.#index.has(identity)) to.add(identity);
  }
}

function compileSpecs(subject: number, specs: readonly BoundSpec[]): Omit<CompiledPolicy, 'identity'> {
  const ingress = compileDirection('ingress', subject, specs);
  const egress = compileDirection('egress', subject, specs);
  const digest = digestOf(ingress.compiled, egress.compiled, { ingress: ingress.sum, egress: egress.sum });
  return { ingress: ingress.compiled, egress: egress.compiled, digest };
}

/** What a direction comes to, and the sum of its entries. */
function compileDirection(
  direction: Direction,
  subject: number,
  specs: readonly BoundSpec[],
): { readonly compiled: CompiledDirection; readonly sum: EntrySum } {
  const isolating = specs.filter(({ isolates }) => isolates[direction]).map(({ policy }) => policy);
  const isolatedBy = [...new Set(isolating)].sort(comparePolicies);
  const isolated = isolatedBy.length > 0;
  const lists = specs.flatMap(({ rules }) => rules.filter((rule) => rule.direction === direction).map((rule) => rule.entriesFor(subject)));
  // Only an isolated subject needs the exception for its own node: to all others everything is allowed already.
  const { entries, sum } = mergeLists(direction === 'ingress' && isolated ? [hostEntries, ...lists] : lists);
  return { compiled: { isolated, isolatedBy, entries }, sum };
}
