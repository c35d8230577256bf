import { defaultLabelFilter, type LabelFilter, passes } from './filter.ts';
import { canonicalLabels, formatLabel } from './label.ts';

/** Keys of the labels that an identity has beside the pod's own; all of source `k8s`. */
export const derivedKeys = Object.freeze({
  namespace: 'io.kubernetes.pod.namespace',
  namespaceLabels: 'io.cilium.k8s.namespace.labels.',
  serviceAccount: 'io.cilium.k8s.policy.serviceaccount',
  cluster: 'io.cilium.k8s.policy.cluster',
});

/** Label that Kubernetes gives every namespace: its name. */
export const namespaceNameKey = 'kubernetes.io/metadata.name';

/** A container port with a name, as policies can name it. */
export interface NamedPort {
  readonly name: string;
  readonly number: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** What decides a pod's identity. */
export interface PodDescription {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  /** '' counts as Kubernetes' own default, `default`. */
  readonly serviceAccount: string;
  readonly cluster: string;
  readonly namedPorts: readonly NamedPort[];
}

const k8s = (key: string, value: string) => formatLabel({ source: 'k8s', key, value });

/**
 * Whether a key belongs to the labels derived from what Kubernetes knows. One that a pod writes on itself under such a key is seen by nobody:
 * its author could claim another namespace, account or cluster.
 */
export function isDerivedKey(key: string): boolean {
  return key === derivedKeys.namespace || key.startsWith('io.cilium.k8s.');
}

/** The canonical set of labels that a pod's identity is made of, hidden ones included; see semantics.md, "Labels and identities". */
export function identityLabels(pod: PodDescription, filter: LabelFilter = defaultLabelFilter): readonly string[] {
  const namespaceLabels = { ...pod.namespaceLabels, [namespaceNameKey]: pod.namespace };
  const candidates = [
    ...Object.entries(pod.labels).filter(([key]) => !isDerivedKey(key)),
    ...Object.entries(namespaceLabels).map(([key, value]): [string, string] => [derivedKeys.namespaceLabels + key, value]),
  ];
  // The filter may not take away what confines policies to namespaces, accounts and clusters.
  const nameOfNamespace = derivedKeys.namespaceLabels + namespaceNameKey;
  const kept = candidates.filter(([key]) => key === nameOfNamespace || passes(filter, { source: 'k8s', key }));
  return canonicalLabels([
    ...kept.map(([key, value]) => k8s(key, value)),
    k8s(derivedKeys.namespace, pod.namespace),
    k8s(derivedKeys.serviceAccount, pod.serviceAccount || 'default'),
    k8s(derivedKeys.cluster, pod.cluster),
    ...pod.namedPorts.map(namedPortLabel),
  ]);
}

const hiddenPrefix = 'named-port:';

/** Hidden label of a named port: `named-port:<name>=<number>/<PROTOCOL>`. */
export function namedPortLabel({ name, number, protocol }: NamedPort): string {
  return `${hiddenPrefix}${name}=${number}/${protocol}`;
}

/** Reads a hidden label back; null for every other label. */
export function parseNamedPortLabel(label: string): NamedPort | null {
  const match = /^named-port:([^=]+)=(\d{1,5})\/(TCP|UDP|SCTP)$/.exec(label);
  if (match === null) return null;
  return { name: match[1]!, number: Number(match[2]), protocol: match[3] as NamedPort['protocol'] };
}

/** An identity's labels taken apart: what selectors and people see, and the named ports hidden in them, both in the set's order. */
export function splitLabels(labels: readonly string[]): { readonly visible: readonly string[]; readonly namedPorts: readonly NamedPort[] } {
  const namedPorts = labels.map(parseNamedPortLabel).filter((port) => port !== null);
  return { visible: labels.filter((label) => !label.startsWith(hiddenPrefix)), namedPorts };
}
