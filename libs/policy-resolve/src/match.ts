import type { Label } from '@myelin/labels';
import type { LabelRequirement, LabelSelector } from '@myelin/policy-model';

/** Whether a label is one that the requirement speaks of. */
function speaksOf({ source, key }: LabelRequirement, label: Label): boolean {
  return label.key === key && (source === 'any' || label.source === source);
}

/** Whether one requirement holds for the visible labels of an identity. */
export function holds(requirement: LabelRequirement, labels: readonly Label[]): boolean {
  const { operator, values } = requirement;
  switch (operator) {
    case 'In':
      return labels.some((label) => speaksOf(requirement, label) && values.includes(label.value));
    case 'NotIn':
      return !labels.some((label) => speaksOf(requirement, label) && values.includes(label.value));
    case 'Exists':
      return labels.some((label) => speaksOf(requirement, label));
    case 'DoesNotExist':
      return !labels.some((label) => speaksOf(requirement, label));
  }
}

/** Whether a selector selects an identity with these visible labels. */
export function selects(selector: LabelSelector, labels: readonly Label[]): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}
