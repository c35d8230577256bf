import type { LabelValue } from './selector.ts';
import type { OracleEndpoint } from './world.ts';

const namespaceNameKey = 'kubernetes.io/metadata.name';
const podNamespaceKey = 'io.kubernetes.pod.namespace';
const namespaceLabelsPrefix = 'io.cilium.k8s.namespace.labels.';

/** The name of the one cluster that the oracle knows. */
export const clusterName = 'default';

/** What a Kubernetes `podSelector` looks at: the pod's own labels, but for those that only an identity can have (README, decision 12). */
export function podLabels(endpoint: OracleEndpoint): LabelValue {
  return (key) => (isDerived(key) ? undefined : own(endpoint.labels, key));
}

/** What a Kubernetes `namespaceSelector` looks at. "Every namespace has `kubernetes.io/metadata.name`." (semantics, Labels and identities) */
export function namespaceLabels(endpoint: OracleEndpoint): LabelValue {
  return (key) => (key === namespaceNameKey ? endpoint.namespace : own(endpoint.namespaceLabels, key));
}

/** What a Cilium endpoint selector looks at: the pod's identity labels. "`any:` matches every source"; a key without source means `any:`. */
export function identityLabels(endpoint: OracleEndpoint): LabelValue {
  return (key) => {
    const { source, name } = sourceAndName(key);
    return source === 'any' || source === 'k8s' ? identityLabel(endpoint, name) : undefined;
  };
}

/**
 * "A pod's identity labels: its labels, `k8s:io.kubernetes.pod.namespace`, `k8s:io.cilium.k8s.namespace.labels.<k>`,
 * `k8s:io.cilium.k8s.policy.serviceaccount`, `k8s:io.cilium.k8s.policy.cluster`." What it writes under such a key itself is not asked.
 */
function identityLabel(endpoint: OracleEndpoint, name: string): string | undefined {
  if (name === podNamespaceKey) return endpoint.namespace;
  if (name === 'io.cilium.k8s.policy.serviceaccount') return endpoint.serviceAccount || 'default';
  if (name === 'io.cilium.k8s.policy.cluster') return clusterName;
  if (name.startsWith(namespaceLabelsPrefix)) return namespaceLabels(endpoint)(name.slice(namespaceLabelsPrefix.length));
  return podLabels(endpoint)(name);
}

function isDerived(key: string): boolean {
  return key === podNamespaceKey || key.startsWith('io.cilium.k8s.');
}

/** Whether a Cilium selector's key names the namespace of a pod, or a label of it. */
export function namesNamespace(key: string): boolean {
  const { source, name } = sourceAndName(key);
  return (source === 'any' || source === 'k8s') && (name === podNamespaceKey || name.startsWith(namespaceLabelsPrefix));
}

function sourceAndName(key: string): { source: string; name: string } {
  const colon = key.indexOf(':');
  return colon < 0 ? { source: 'any', name: key } : { source: key.slice(0, colon), name: key.slice(colon + 1) };
}

function own(labels: Record<string, string>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
