import type { Policy, PolicyReference, PolicySpec } from '@myelin/policy-model';
import type { IdentityIndex, Selection } from '@myelin/policy-resolve';
import { BoundRule, type RuleOwner } from './bound-rule.ts';

/** What tells one policy from another. */
export type PolicyName = Pick<PolicyReference, 'kind' | 'namespace' | 'name'>;

export const nameKey = ({ kind, namespace, name }: PolicyName) => `${kind}/${namespace}/${name}`;

/** One spec of a policy in force. */
export class BoundSpec implements RuleOwner {
  readonly policy: PolicyReference;
  /** Tells it from every other spec in force. */
  readonly key: string;
  readonly specIndex: number;
  readonly isolates: PolicySpec['isolates'];
  readonly subjects: Selection;
  readonly rules: readonly BoundRule[];
  readonly #index: IdentityIndex;

  constructor(policy: PolicyReference, spec: PolicySpec, index: IdentityIndex) {
    this.policy = policy;
    this.key = `${nameKey(policy)} ${spec.specIndex}`;
    this.specIndex = spec.specIndex;
    this.isolates = spec.isolates;
    this.#index = index;
    this.subjects = index.select(spec.subject);
    this.rules = spec.rules.map((rule) => new BoundRule(rule, this, index));
  }

  /** Gives its selectors back. */
  release(): void {
    this.#index.release(this.subjects);
    for (const rule of this.rules) rule.release();
  }
}

/** The specs of a policy, their selectors taken into use. */
export function bindPolicy({ reference, specs }: Policy, index: IdentityIndex): readonly BoundSpec[] {
  return specs.map((spec) => new BoundSpec(reference, spec, index));
}
