import type { Label } from './label.ts';

/**
 * Which labels become part of an identity, by prefixes of `source:key`. The longest prefix that fits decides, of equals the exclusion;
 * what no prefix fits is in when nothing is included by name, else out.
 */
export interface LabelFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Keeps out what controllers write anew for every roll-out or replica: each would cost an identity, and no policy selects by it. */
export const defaultLabelFilter: LabelFilter = Object.freeze({
  include: [],
  exclude: [
    'k8s:pod-template-hash',
    'k8s:pod-template-generation',
    'k8s:controller-revision-hash',
    'k8s:statefulset.kubernetes.io/pod-name',
    'k8s:apps.kubernetes.io/pod-index',
    'k8s:batch.kubernetes.io/controller-uid',
    'k8s:batch.kubernetes.io/job-completion-index',
    'k8s:controller-uid',
  ],
});

const longestMatch = (prefixes: readonly string[], name: string): number =>
  prefixes.reduce((longest, prefix) => (name.startsWith(prefix) ? Math.max(longest, prefix.length) : longest), -1);

/** Whether a label passes the filter. */
export function passes({ include, exclude }: LabelFilter, { source, key }: Pick<Label, 'source' | 'key'>): boolean {
  const name = `${source}:${key}`;
  const [included, excluded] = [longestMatch(include, name), longestMatch(exclude, name)];
  return included < 0 && excluded < 0 ? include.length === 0 : included > excluded;
}
