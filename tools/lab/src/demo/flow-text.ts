import { DropReason, type Endpoint, type Flow, type Policy, TrafficDirection } from '@myelin/contracts/flow';
import { deniedByDefault } from '@myelin/flow-api';

const reasonNames = new Map<number, string>(Object.entries(DropReason).map(([name, number]) => [number, name]));

const policyName = ({ kind, namespace, name }: Policy) => `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
const ruleOf = ({ labels }: Policy) => labels.find((label) => label.startsWith('rule='))?.slice('rule='.length);

/** Where a dropped flow was denied. */
export const deniedAt = (flow: Flow): 'egress' | 'ingress' => (flow.trafficDirection === TrafficDirection.EGRESS ? 'egress' : 'ingress');

/** Who denied a flow: rules with their index, or the policies whose default deny did; sorted. */
export function deniedBy(flow: Flow): readonly string[] {
  const at = deniedAt(flow);
  const rules = at === 'egress' ? flow.egressDeniedBy : flow.ingressDeniedBy;
  if (rules.length > 0) return rules.map((policy) => [policyName(policy), ruleOf(policy)].filter(Boolean).join(' ')).sort();
  return deniedByDefault(flow)[at].map(policyName).sort();
}

/** `POLICY_DENIED: default deny of NetworkPolicy shop/web`. */
export function describeDenial(flow: Flow): string {
  const rules = flow.egressDeniedBy.length + flow.ingressDeniedBy.length > 0;
  return `${reasonNames.get(flow.dropReason) ?? flow.dropReason}: ${rules ? 'rule' : 'default deny of'} ${deniedBy(flow).join(', ') || '(nobody named)'}`;
}

// What every pod has, and what says the same as another label, tells nothing.
const dull = ['k8s:io.cilium.k8s.policy.cluster=', 'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name='];

/** Name, identity and labels of one end. */
export function describeEnd(end: Endpoint | undefined): string {
  const labels = (end?.labels ?? [])
    .filter((label) => !dull.some((prefix) => label.startsWith(prefix)))
    .map((label) =>
      label
        .replace('k8s:io.cilium.k8s.namespace.labels.', 'namespace:')
        .replace('k8s:io.kubernetes.pod.', '')
        .replace('k8s:io.cilium.k8s.policy.', '')
        .replace('k8s:', ''),
    );
  const name = end?.podName ? `${end.namespace}/${end.podName} ` : '';
  return `${name}[${end?.identity ?? '?'}: ${labels.join(', ')}]`;
}
