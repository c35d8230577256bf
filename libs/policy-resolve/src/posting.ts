import type { Label } from '@myelin/labels';
import type { LabelRequirement, LabelSelector } from '@myelin/policy-model';

/** Sets by key that come and go with their first and last member. */
export class SetMap<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  /** True when the key was new. */
  add(key: K, value: V): boolean {
    const set = this.#sets.get(key);
    if (set !== undefined) {
      set.add(value);
      return false;
    }
    this.#sets.set(key, new Set([value]));
    return true;
  }

  /** True when the key is gone with its last value. */
  delete(key: K, value: V): boolean {
    const set = this.#sets.get(key);
    set?.delete(value);
    return set?.size === 0 && this.#sets.delete(key);
  }

  get(key: K): ReadonlySet<V> | undefined {
    return this.#sets.get(key);
  }
}

const labelText = ({ source, key, value }: Label) => `${source}:${key}=${value}`;

/** Which identities have a label: the way from a new selector to its members. Source `any` is found through the sources a key occurs with. */
export class LabelPostings {
  readonly #byLabel = new SetMap<string, number>();
  /** `source:key` → its values. */
  readonly #values = new SetMap<string, string>();
  /** key → its sources. */
  readonly #sources = new SetMap<string, Label['source']>();

  add(identity: number, labels: readonly Label[]): void {
    for (const label of labels) {
      if (!this.#byLabel.add(labelText(label), identity)) continue;
      if (this.#values.add(`${label.source}:${label.key}`, label.value)) this.#sources.add(label.key, label.source);
    }
  }

  delete(identity: number, labels: readonly Label[]): void {
    for (const label of labels) {
      if (!this.#byLabel.delete(labelText(label), identity)) continue;
      if (this.#values.delete(`${label.source}:${label.key}`, label.value)) this.#sources.delete(label.key, label.source);
    }
  }

  /** Whether any identity has the label. */
  has(label: Label): boolean {
    return this.#byLabel.get(labelText(label)) !== undefined;
  }

  /** The shortest list of sets of identities among which all that a selector selects must be; null when no requirement asks for a label. */
  candidates(selector: LabelSelector): readonly ReadonlySet<number>[] | null {
    let best: { sets: readonly ReadonlySet<number>[]; size: number } | null = null;
    for (const requirement of selector) {
      if (requirement.operator !== 'In' && requirement.operator !== 'Exists') continue;
      const sets = this.#having(requirement);
      const size = sets.reduce((sum, set) => sum + set.size, 0);
      if (best === null || size < best.size) best = { sets, size };
    }
    return best?.sets ?? null;
  }

  #having({ source, key, operator, values }: LabelRequirement): ReadonlySet<number>[] {
    const sources = source === 'any' ? [...(this.#sources.get(key) ?? [])] : [source];
    return sources.flatMap((one) => {
      const wanted = operator === 'In' ? values : [...(this.#values.get(`${one}:${key}`) ?? [])];
      return wanted.map((value) => this.#byLabel.get(`${one}:${key}=${value}`)).filter((set) => set !== undefined);
    });
  }
}
