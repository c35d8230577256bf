import type { CompiledView, ViewChange } from '@myelin/identity-rules';
import { type ManifestError, parseManifests } from '@myelin/manifest';
import { PolicyCompiler } from '@myelin/policy-compile';
import type { CompiledPolicy, Policy, PolicyReference } from '@myelin/policy-model';
import { parsePolicy } from '@myelin/policy-parse';
import { type Revision, zeroRevision } from '@myelin/revision';

/** A policy as it is stored: its document is JSON text. */
export interface StoredDocument {
  readonly reference: PolicyReference;
  readonly document: string;
}

/** Changes of one stream since the last batch. `revision`: everything up to it is included; null before the first complete snapshot. */
export interface Batch<Row> {
  readonly changed: readonly Row[];
  readonly removedKeys: readonly string[];
  readonly revision: Revision | null;
}

/** Key of a policy in its stream. */
export const policyKey = ({ kind, namespace, name }: Pick<PolicyReference, 'kind' | 'namespace' | 'name'>): string =>
  `${kind}/${namespace}/${name}`;

/** Reads a stored or submitted document. The reference's UID is the one given, as Kubernetes' own may be absent. */
export function readDocument(file: string, document: string): { readonly policy: Policy } | { readonly errors: readonly ManifestError[] } {
  const { manifests, errors } = parseManifests([{ file, text: document }]);
  const [manifest] = manifests;
  if (errors.length > 0 || manifest === undefined) {
    return {
      errors:
        errors.length > 0 ? errors : [{ file, document: 1, line: 1, column: 1, path: '', message: 'found nothing', expected: 'a policy' }],
    };
  }
  const parsed = parsePolicy(manifest);
  return parsed.ok ? { policy: parsed.policy } : { errors: parsed.errors };
}

/**
 * All that the compiler knows: identities and policies from their streams, each at its revision, compiled when asked for. What it answers depends only on
 * the rows it has been given, never on their order; two replicas at the same revisions answer the same bytes (C7).
 */
export class CompiledState implements CompiledView {
  readonly #compiler = new PolicyCompiler();
  readonly #identities = new Set<number>();
  readonly #problems = new Map<string, string>();
  readonly #policies = new Map<string, PolicyReference>();
  #policyRevision: Revision | null = null;
  #identityRevision: Revision | null = null;

  /** Whether both streams have given their first complete snapshot: before that nothing may be answered. */
  get isComplete(): boolean {
    return this.#policyRevision !== null && this.#identityRevision !== null;
  }

  get policyRevision(): Revision {
    return this.#policyRevision ?? zeroRevision;
  }

  get identityRevision(): Revision {
    return this.#identityRevision ?? zeroRevision;
  }

  get identities(): ReadonlySet<number> {
    return this.#identities;
  }

  get policyCount(): number {
    return this.#policies.size;
  }

  get problems(): readonly string[] {
    return [...this.#problems.values()].sort();
  }

  compiled(identity: number): CompiledPolicy | undefined {
    return this.#compiler.compiled(identity) ?? undefined;
  }

  /** Identities that a policy selects now, ascending. */
  subjectsOf(reference: Pick<PolicyReference, 'kind' | 'namespace' | 'name'>): readonly number[] {
    return this.#compiler.subjectsOf(reference);
  }

  applyIdentities({ changed, removedKeys, revision }: Batch<{ readonly number: number; readonly labels: readonly string[] }>): ViewChange {
    const subjects = new Set<number>();
    const included: number[] = [];
    const dropped: number[] = [];
    const collect = (touched: ReadonlySet<number>) => {
      for (const identity of touched) subjects.add(identity);
    };
    for (const identity of removedKeys.map(Number)) {
      collect(this.#compiler.apply({ kind: 'identity-delete', identity }));
      if (this.#identities.delete(identity)) dropped.push(identity);
    }
    for (const { number, labels } of changed) {
      collect(this.#compiler.apply({ kind: 'identity-put', identity: number, labels }));
      if (!this.#identities.has(number)) included.push(number);
      this.#identities.add(number);
    }
    this.#identityRevision = revision ?? this.#identityRevision;
    return { subjects, included, dropped };
  }

  /** A document that this version can't enforce takes no effect, least of all half; it is named in `problems` until it goes or is mended (C8). */
  applyPolicies({ changed, removedKeys, revision }: Batch<StoredDocument>): ViewChange {
    const subjects = new Set<number>();
    const collect = (touched: ReadonlySet<number>) => {
      for (const identity of touched) subjects.add(identity);
    };
    for (const key of removedKeys) collect(this.#remove(key));
    for (const { reference, document } of changed) {
      const key = policyKey(reference);
      const read = readDocument(key, document);
      if ('errors' in read) {
        collect(this.#remove(key));
        this.#problems.set(key, `${key}: ${read.errors.map(({ path, message }) => `${path}: ${message}`).join('; ')}`);
        continue;
      }
      this.#problems.delete(key);
      this.#policies.set(key, reference);
      collect(this.#compiler.apply({ kind: 'policy-put', policy: { ...read.policy, reference } }));
    }
    this.#policyRevision = revision ?? this.#policyRevision;
    return { subjects, included: [], dropped: [] };
  }

  #remove(key: string): ReadonlySet<number> {
    this.#problems.delete(key);
    const reference = this.#policies.get(key);
    if (reference === undefined) return new Set();
    this.#policies.delete(key);
    return this.#compiler.apply({ kind: 'policy-delete', reference });
  }
}
