import { namespaceLabels, podLabels } from './labels.ts';
import { type KubernetesPeer, type KubernetesPolicy, type KubernetesPort, type KubernetesRule, namespaceOf } from './manifests.ts';
import { containsExcept } from './prefix.ts';
import { selects } from './selector.ts';
import { type Answer, destinationEndpoint, type OracleEndpoint, type Peer, type Question } from './world.ts';

/** What a Kubernetes NetworkPolicy says. Sentences in quotes are from the API reference of networking.k8s.io/v1 unless marked. */
export function askKubernetesPolicy(policy: KubernetesPolicy, question: Question): Answer {
  const isolates = selectsSubject(policy, question.subject) && isOfType(policy, question.direction);
  return { isolates, allows: isolates && rulesOf(policy, question).some((rule) => ruleMatches(policy, rule, question)), denies: false };
}

/** "podSelector selects the pods to which this object applies ... An empty selector matches all pods in the policy's namespace. ... If it is not specified, it defaults to an empty selector." */
function selectsSubject(policy: KubernetesPolicy, subject: OracleEndpoint): boolean {
  return subject.namespace === namespaceOf(policy) && selects(policy.spec.podSelector ?? {}, podLabels(subject));
}

/** "`policyTypes` absent: Ingress isolates always; Egress only if `egress` holds a rule." (semantics, table) Listed types decide otherwise. */
function isOfType({ spec }: KubernetesPolicy, direction: Question['direction']): boolean {
  const types = spec.policyTypes ?? [];
  if (types.length > 0) return types.includes(direction === 'ingress' ? 'Ingress' : 'Egress');
  return direction === 'ingress' || (spec.egress ?? []).length > 0;
}

/** "If this field is empty then this NetworkPolicy does not allow any traffic"; the same when it is absent. */
function rulesOf({ spec }: KubernetesPolicy, { direction }: Question): KubernetesRule[] {
  return (direction === 'ingress' ? spec.ingress : spec.egress) ?? [];
}

/** "The traffic must match both ports and from." */
function ruleMatches(policy: KubernetesPolicy, rule: KubernetesRule, question: Question): boolean {
  const peers = question.direction === 'ingress' ? rule.from : rule.to;
  const matching = (peers ?? []).filter((wanted) => peerMatches(policy, wanted, question.peer));
  if (!isEveryone(peers) && matching.length === 0) return false;
  // README, decision 16: a name beside an `ipBlock` at egress matches nobody of it.
  const byBlock = question.direction === 'egress' && !isEveryone(peers) && matching.every(({ ipBlock }) => ipBlock != null);
  return isEveryPort(rule.ports) || rule.ports!.some((port) => portMatches(port, question) && !(byBlock && typeof port.port === 'string'));
}

/** "If this field is empty or missing, this rule matches all sources ... Items in this list are combined using a logical OR operation." */
const isEveryone = (peers: KubernetesPeer[] | null | undefined): boolean => (peers ?? []).length === 0;

/** "ipBlock: if this field is set then neither of the other fields can be." */
function peerMatches(policy: KubernetesPolicy, wanted: KubernetesPeer, peer: Peer): boolean {
  if (wanted.ipBlock != null) return ipBlockMatches(wanted.ipBlock, peer);
  return peer.kind === 'endpoint' && podMatches(policy, wanted, peer.endpoint);
}

/** "`ipBlock` matches by **address**, pods and nodes included." (semantics, table) "except describes CIDRs that should not be included." */
function ipBlockMatches(block: NonNullable<KubernetesPeer['ipBlock']>, peer: Peer): boolean {
  return containsExcept(block.cidr, block.except ?? [], peer.address);
}

/** "Selects the pods matching podSelector in the namespaces selected by namespaceSelector." */
function podMatches(policy: KubernetesPolicy, { podSelector, namespaceSelector }: KubernetesPeer, endpoint: OracleEndpoint): boolean {
  return inNamespaces(policy, namespaceSelector, endpoint) && selects(podSelector ?? {}, podLabels(endpoint));
}

/** "[Without namespaceSelector] it selects the pods matching podSelector in the policy's own namespace. ... If present but empty, it selects all namespaces." */
function inNamespaces(policy: KubernetesPolicy, selector: KubernetesPeer['namespaceSelector'], endpoint: OracleEndpoint): boolean {
  if (selector == null) return endpoint.namespace === namespaceOf(policy);
  return selects(selector, namespaceLabels(endpoint));
}

/** "Each item in this list is combined using a logical OR. If this field is empty or missing, this rule matches all ports (traffic not restricted by port)." */
const isEveryPort = (ports: KubernetesPort[] | null | undefined): boolean => (ports ?? []).length === 0;

/** "protocol: if not specified, this field defaults to TCP." So a rule with ports never matches ICMP. "port: if not provided, this matches all port names and numbers." */
function portMatches({ protocol, port, endPort }: KubernetesPort, question: Question): boolean {
  if (question.protocol !== (protocol ?? 'TCP')) return false;
  if (port == null) return true;
  return typeof port === 'string' ? nameMatches(port, question) : question.port >= port && question.port <= (endPort ?? port);
}

/** "Named port: number that each selected pod gives the name." (semantics, table) Who is no pod has no named ports. */
function nameMatches(name: string, question: Question): boolean {
  const named = destinationEndpoint(question)?.namedPorts ?? [];
  return named.some((port) => port.name === name && port.protocol === question.protocol && port.port === question.port);
}
