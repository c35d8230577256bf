/** Kubernetes' label selector, as it stands in manifests. */
export interface LabelSelector {
  matchLabels?: Record<string, string> | null;
  matchExpressions?: readonly Requirement[] | null;
}

interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: readonly string[] | null;
}

/** Value of the label that a key names, undefined where there is none. */
export type LabelValue = (key: string) => string | undefined;

/** "The result of matchLabels and matchExpressions are ANDed. An empty label selector matches all objects." (Kubernetes API, LabelSelector) */
export function selects(selector: LabelSelector, value: LabelValue): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, wanted]) => value(key) === wanted) &&
    (selector.matchExpressions ?? []).every((requirement) => holds(requirement, value))
  );
}

/** Every key that a selector names, in labels and expressions. */
export function keysOf(selector: LabelSelector): string[] {
  return [...Object.keys(selector.matchLabels ?? {}), ...(selector.matchExpressions ?? []).map(({ key }) => key)];
}

function holds({ key, operator, values }: Requirement, value: LabelValue): boolean {
  const present = value(key);
  switch (operator) {
    // "In: the object has a label with that key and one of the values." (Kubernetes, Labels and Selectors)
    case 'In':
      return present !== undefined && (values ?? []).includes(present);
    // "NotIn: ... and all resources with no labels with the key."
    case 'NotIn':
      return present === undefined || !(values ?? []).includes(present);
    // "Exists: ... including a label with the key; no values are checked."
    case 'Exists':
      return present !== undefined;
    // "DoesNotExist: ... without a label with the key; no values are checked."
    case 'DoesNotExist':
      return present === undefined;
  }
}
