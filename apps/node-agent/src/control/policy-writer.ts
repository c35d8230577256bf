import { formatPrefix } from '@myelin/address';
import { type DatapathError, kernelPolicy, kernelPrefixes, type PolicyImage, type PolicyTable, type PrefixTable } from '@myelin/datapath';
import type { LocalStep, PrefixRow } from '@myelin/policy-localize';
import type { Log } from '@myelin/service';

/** The tables that localized policies are written to. */
export interface PolicyTables {
  readonly policies: PolicyTable;
  readonly prefixes: PrefixTable;
}

interface Refusal {
  readonly image: PolicyImage;
  readonly error: DatapathError;
}

/**
 * Writes localized policies, step by step in the order that libs/policy-localize gives. A policy that finds no room is refused: what was in force for it stays, it is tried again with the next change, and
 * the prefixes that it was about keep their numbers until then. When a subject can't even learn a new number of addresses that its present policy is about, everything after waits: giving
 * those addresses the number would change what it decides.
 */
export class PolicyWriter {
  readonly #tables: PolicyTables;
  readonly #log: Log;
  readonly #refused = new Map<number, Refusal>();
  readonly #waiting: { readonly step: LocalStep; readonly prepares: boolean }[] = [];
  #rows: Map<string, PrefixRow>;

  constructor(tables: PolicyTables, log: Log) {
    this.#tables = tables;
    this.#log = log;
    this.#rows = new Map(tables.prefixes.entries().map((row) => [formatPrefix(row.prefix), row]));
  }

  /** Why the policy of an identity is not the newest one; null when it is. */
  refusal(identity: number): DatapathError | null {
    return this.#refused.get(identity)?.error ?? null;
  }

  refusals(): readonly DatapathError[] {
    return [...this.#refused.values()].map(({ error }) => error);
  }

  /** Takes a change's steps; `rows` are all that the prefix tables should hold after them. */
  async write(steps: readonly LocalStep[], rows: readonly PrefixRow[]): Promise<void> {
    const subjectSteps = steps.filter(({ kind }) => kind === 'subjects').length;
    this.#waiting.push(...steps.map((step, index) => ({ step, prepares: subjectSteps > 1 && index === 0 })));
    await this.#retry();
    while (this.#waiting.length > 0) {
      const { step, prepares } = this.#waiting[0]!;
      const isComplete = step.kind === 'subjects' ? await this.#putSubjects(step) : this.#putPrefixes(step);
      if (!isComplete && prepares) return;
      this.#waiting.shift();
    }
    if (this.#refused.size === 0) this.#setRows(rows);
  }

  async #retry(): Promise<void> {
    const superseded = new Set(
      this.#waiting.flatMap(({ step }) => (step.kind === 'subjects' ? step.put.map(({ identity }) => identity) : [])),
    );
    const images = [...this.#refused.values()].map(({ image }) => image).filter(({ identity }) => !superseded.has(identity));
    if (images.length > 0) await this.#apply(images, []);
  }

  async #putSubjects({ put, removed }: LocalStep & { readonly kind: 'subjects' }): Promise<boolean> {
    const images = put.map(kernelPolicy);
    for (const identity of removed) this.#refused.delete(identity);
    return this.#apply(images, removed);
  }

  /** True when all found room. */
  async #apply(images: readonly PolicyImage[], removed: readonly number[]): Promise<boolean> {
    const { policies } = this.#tables;
    const changed = images.filter((image) => !policies.holds(image));
    const { refused } = await policies.apply({ put: changed, removed });
    for (const { identity } of images) this.#refused.delete(identity);
    const byIdentity = new Map(images.map((image) => [image.identity, image]));
    for (const { identity, error } of refused) {
      this.#refused.set(identity, { image: byIdentity.get(identity)!, error });
      this.#log.error({ identity, reason: error.message }, 'a policy was refused by the kernel, the one before stays');
    }
    return refused.length === 0;
  }

  #putPrefixes({ put, deleted }: LocalStep & { readonly kind: 'prefixes' }): true {
    const rows = new Map(this.#rows);
    for (const row of put) rows.set(formatPrefix(row.prefix), row);
    if (this.#refused.size === 0) for (const prefix of deleted) rows.delete(formatPrefix(prefix));
    this.#setRows([...rows.values()]);
    return true;
  }

  #setRows(rows: readonly PrefixRow[]): void {
    this.#rows = new Map(rows.map((row) => [formatPrefix(row.prefix), row]));
    const { refused } = this.#tables.prefixes.reconcile(kernelPrefixes(rows));
    for (const { error } of refused) this.#log.error({ reason: error.message }, 'a prefix was refused by the kernel');
  }
}
