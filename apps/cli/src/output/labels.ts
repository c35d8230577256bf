/** Labels as people read them: hidden ones and Kubernetes' own namespace copies left out, the shortest form that stays unambiguous. */
export function formatLabels(labels: readonly string[]): string {
  return labels.filter((label) => !label.startsWith('named-port:') && !label.startsWith('k8s:io.cilium.k8s.namespace.labels.')).join(',');
}
