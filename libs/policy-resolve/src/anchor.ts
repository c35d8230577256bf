import { derivedKeys, type Label } from '@myelin/labels';
import type { LabelRequirement, LabelSelector } from '@myelin/policy-model';
import { SetMap } from './posting.ts';

/*
 * The way from a new identity to the selectors that may select it. Each selector is filed under one label that it cannot do without
 * (its anchor); an identity's labels name the anchors to look under.
 */

const everyone = '';

// Nearly every selector names a namespace: filed there, a big namespace would cost all its selectors.
const isBroad = ({ key }: LabelRequirement) => key === derivedKeys.namespace || key.startsWith(derivedKeys.namespaceLabels);

const rank = (requirement: LabelRequirement): number => {
  if (requirement.operator === 'In') return isBroad(requirement) ? 1 : 0;
  return requirement.operator === 'Exists' ? (isBroad(requirement) ? 3 : 2) : 4;
};

/** Keys that a selector is filed under: several when its best requirement has several values. */
function anchorsOf(selector: LabelSelector): readonly string[] {
  const best = selector.reduce<LabelRequirement | null>((one, other) => (one === null || rank(other) < rank(one) ? other : one), null);
  if (best === null || rank(best) === 4) return [everyone];
  const name = `${best.source}:${best.key}`;
  return best.operator === 'In' ? best.values.map((value) => `${name}=${value}`) : [name];
}

/** Selectors by anchor; `T` carries the selector. */
export class AnchorIndex<T extends { readonly selector: LabelSelector }> {
  readonly #filed = new SetMap<string, T>();

  add(item: T): void {
    for (const anchor of anchorsOf(item.selector)) this.#filed.add(anchor, item);
  }

  delete(item: T): void {
    for (const anchor of anchorsOf(item.selector)) this.#filed.delete(anchor, item);
  }

  /** All that may select an identity with these labels; possibly one twice. */
  *candidates(labels: readonly Label[]): Generator<T> {
    yield* this.#filed.get(everyone) ?? [];
    for (const { source, key, value } of labels) {
      for (const name of [`${source}:${key}`, `any:${key}`]) {
        yield* this.#filed.get(`${name}=${value}`) ?? [];
        yield* this.#filed.get(name) ?? [];
      }
    }
  }
}
