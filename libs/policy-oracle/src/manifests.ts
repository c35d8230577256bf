import type { LabelSelector } from './selector.ts';

/*
 * The manifests as YAML gives them, as far as the oracle reads them. "Absent" and `null` are the same thing; an empty list is not.
 */

interface Metadata {
  name: string;
  namespace?: string | null;
}

/** NetworkPolicy of networking.k8s.io/v1. */
export interface KubernetesPolicy {
  kind: 'NetworkPolicy';
  metadata: Metadata;
  spec: {
    podSelector?: LabelSelector | null;
    policyTypes?: ('Ingress' | 'Egress')[] | null;
    ingress?: KubernetesRule[] | null;
    egress?: KubernetesRule[] | null;
  };
}

/** `from` stands in ingress rules, `to` in egress rules. */
export interface KubernetesRule {
  from?: KubernetesPeer[] | null;
  to?: KubernetesPeer[] | null;
  ports?: KubernetesPort[] | null;
}

export interface KubernetesPeer {
  podSelector?: LabelSelector | null;
  namespaceSelector?: LabelSelector | null;
  ipBlock?: { cidr: string; except?: string[] | null } | null;
}

export interface KubernetesPort {
  protocol?: 'TCP' | 'UDP' | 'SCTP' | null;
  port?: number | string | null;
  endPort?: number | null;
}

/** CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy of cilium.io/v2. */
export interface CiliumPolicy {
  kind: 'CiliumNetworkPolicy' | 'CiliumClusterwideNetworkPolicy';
  metadata: Metadata;
  spec?: CiliumSpec | null;
  specs?: CiliumSpec[] | null;
}

export interface CiliumSpec {
  endpointSelector: LabelSelector;
  ingress?: CiliumRule[] | null;
  egress?: CiliumRule[] | null;
  ingressDeny?: CiliumRule[] | null;
  egressDeny?: CiliumRule[] | null;
  enableDefaultDeny?: { ingress?: boolean | null; egress?: boolean | null } | null;
}

/** `from…` stands in ingress rules, `to…` in egress rules, `toPorts` in both. */
export interface CiliumRule {
  fromEndpoints?: LabelSelector[] | null;
  toEndpoints?: LabelSelector[] | null;
  fromEntities?: string[] | null;
  toEntities?: string[] | null;
  fromCIDR?: string[] | null;
  toCIDR?: string[] | null;
  fromCIDRSet?: CiliumPrefix[] | null;
  toCIDRSet?: CiliumPrefix[] | null;
  toPorts?: { ports?: CiliumPort[] | null }[] | null;
}

export interface CiliumPrefix {
  cidr: string;
  except?: string[] | null;
}

export interface CiliumPort {
  port: string | number;
  endPort?: number | null;
  protocol?: string | null;
}

/** A policy document of a kind that the oracle reads. */
export type PolicyManifest = KubernetesPolicy | CiliumPolicy;

/** Reads a raw manifest. Throws TypeError for a kind that is no policy of ours; nothing else is checked. */
export function policyManifest(raw: unknown): PolicyManifest {
  const manifest = raw as PolicyManifest;
  switch (manifest.kind) {
    case 'NetworkPolicy':
    case 'CiliumNetworkPolicy':
    case 'CiliumClusterwideNetworkPolicy':
      return manifest;
    default:
      throw new TypeError(`not a policy: kind ${(raw as { kind?: unknown }).kind}`);
  }
}

/** "An object without a namespace is in `default`" (kubectl); cluster-wide kinds are in none: ''. */
export function namespaceOf(manifest: PolicyManifest): string {
  return manifest.kind === 'CiliumClusterwideNetworkPolicy' ? '' : (manifest.metadata.namespace ?? 'default');
}

/** How an answer names a policy: "kind/namespace/name". */
export function policyName(manifest: PolicyManifest): string {
  return `${manifest.kind}/${namespaceOf(manifest)}/${manifest.metadata.name}`;
}
