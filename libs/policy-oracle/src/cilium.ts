import { identityLabels, namesNamespace } from './labels.ts';
import { type CiliumPolicy, type CiliumPort, type CiliumPrefix, type CiliumRule, type CiliumSpec, namespaceOf } from './manifests.ts';
import { contains, containsExcept } from './prefix.ts';
import { keysOf, type LabelSelector, selects } from './selector.ts';
import { type Answer, destinationEndpoint, type OracleEndpoint, type Peer, type Question } from './world.ts';

/** What a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy says. Sentences in quotes are from Cilium's documentation unless marked. */
export function askCiliumPolicy(policy: CiliumPolicy, question: Question): Answer {
  const namespace = namespaceOf(policy);
  const specs = [policy.spec, ...(policy.specs ?? [])]
    .filter((spec) => spec != null)
    .filter((spec) => selectsSubject(namespace, spec, question.subject));
  return {
    isolates: specs.some((spec) => isolates(spec, question.direction)),
    allows: specs.some((spec) => allowRules(spec, question).some((rule) => ruleMatches(namespace, rule, question))),
    denies: specs.some((spec) => denyRules(spec, question).some((rule) => ruleMatches(namespace, rule, question))),
  };
}

/** "CNP is confined to its namespace: `endpointSelector` ... CCNP is not." (semantics) */
function selectsSubject(namespace: string, { endpointSelector }: CiliumSpec, subject: OracleEndpoint): boolean {
  return (namespace === '' || subject.namespace === namespace) && selects(endpointSelector, identityLabels(subject));
}

/** "Per-rule `enableDefaultDeny` overrides" (semantics). "If not specified, the default is true for each traffic direction that has rules, and false otherwise." */
function isolates(spec: CiliumSpec, direction: Question['direction']): boolean {
  const sections = direction === 'ingress' ? [spec.ingress, spec.ingressDeny] : [spec.egress, spec.egressDeny];
  return spec.enableDefaultDeny?.[direction] ?? sections.some((rules) => (rules ?? []).length > 0);
}

/** "ingress: list of rules which must apply at ingress of the endpoint. egress: ... at egress of the endpoint." */
function allowRules(spec: CiliumSpec, { direction }: Question): CiliumRule[] {
  return (direction === 'ingress' ? spec.ingress : spec.egress) ?? [];
}

/** "ingressDeny: any rule inserted here will be denied regardless of the allowed ingress rules"; egressDeny likewise. */
function denyRules(spec: CiliumSpec, { direction }: Question): CiliumRule[] {
  return (direction === 'ingress' ? spec.ingressDeny : spec.egressDeny) ?? [];
}

/** "Within one rule L3 and L4 are a conjunction." (semantics) "`ingress: [{}]`: isolated, nothing allowed." (semantics, table) */
function ruleMatches(namespace: string, rule: CiliumRule, question: Question): boolean {
  const peers = peerMatchers(namespace, rule, question.direction);
  const ports = rule.toPorts ?? [];
  if (peers === null && ports.length === 0) return false;
  return matchesPeers(peers, question.peer) && matchesPorts(ports, question);
}

type PeerMatcher = (peer: Peer) => boolean;

/** The L3 lists of a rule; null when it has none. */
function peerMatchers(namespace: string, rule: CiliumRule, direction: Question['direction']): PeerMatcher[][] | null {
  const [endpoints, entities, prefixes, prefixSets] =
    direction === 'ingress'
      ? [rule.fromEndpoints, rule.fromEntities, rule.fromCIDR, rule.fromCIDRSet]
      : [rule.toEndpoints, rule.toEntities, rule.toCIDR, rule.toCIDRSet];
  const lists = [
    endpoints?.map(
      (selector): PeerMatcher =>
        (peer) =>
          endpointMatches(namespace, selector, peer),
    ),
    entities?.map(
      (entity): PeerMatcher =>
        (peer) =>
          entityMatches(entity, peer),
    ),
    prefixes?.map(
      (prefix): PeerMatcher =>
        (peer) =>
          prefixMatches(prefix, peer),
    ),
    prefixSets?.map(
      (set): PeerMatcher =>
        (peer) =>
          prefixSetMatches(set, peer),
    ),
  ].filter((list) => list !== undefined);
  return lists.length === 0 ? null : lists;
}

/**
 * "Peers absent in a rule: every source. `fromEndpoints: []`: nobody." (semantics, table) Any empty list of peers selects nobody, also
 * beside another one; members of lists are alternatives.
 */
function matchesPeers(lists: PeerMatcher[][] | null, peer: Peer): boolean {
  if (lists === null) return true;
  return lists.every((list) => list.length > 0) && lists.flat().some((matches) => matches(peer));
}

/** "Endpoints-based L3 policy is used to establish rules between endpoints inside the cluster": it never selects a node or the outside. */
function endpointMatches(namespace: string, selector: LabelSelector, peer: Peer): boolean {
  return peer.kind === 'endpoint' && inNamespace(namespace, selector, peer.endpoint) && selects(selector, identityLabels(peer.endpoint));
}

/** "CNP is confined to its namespace: ... unless they name a namespace label, `fromEndpoints`/`toEndpoints`. CCNP is not." (semantics) */
function inNamespace(namespace: string, selector: LabelSelector, endpoint: OracleEndpoint): boolean {
  return namespace === '' || keysOf(selector).some(namesNamespace) || endpoint.namespace === namespace;
}

/** The entities of Cilium's "Entities based" section; there are no such ends as init, health, ingress, unmanaged and kube-apiserver here. */
function entityMatches(entity: string, peer: Peer): boolean {
  switch (entity) {
    // "The all entity represents the combination of all known clusters as well world and whitelists all communication."
    case 'all':
      return true;
    // "The world entity corresponds to all endpoints outside of the cluster."
    case 'world':
      return peer.kind === 'outside';
    case 'world-ipv4':
      return peer.kind === 'outside' && contains('0.0.0.0/0', peer.address);
    case 'world-ipv6':
      return peer.kind === 'outside' && contains('::/0', peer.address);
    // "Cluster is ... all network endpoints inside of the local cluster ... as well as the host, remote-node, and init identities."
    case 'cluster':
      return peer.kind !== 'outside';
    // "The host entity includes the local host."
    case 'host':
      return peer.kind === 'node' && peer.local;
    // "remote-node: any node in any of the connected clusters other than the local host."
    case 'remote-node':
      return peer.kind === 'node' && !peer.local;
    default:
      return false;
  }
}

/** "`fromCIDR`… never matches a managed endpoint or a cluster node." (semantics, table) */
function prefixMatches(prefix: string, peer: Peer): boolean {
  return peer.kind === 'outside' && contains(prefix, peer.address);
}

/** "fromCIDRSet: ... along with an optional list of prefixes/CIDRs that are subnets of the source prefix from which communication is not allowed." */
function prefixSetMatches({ cidr, except }: CiliumPrefix, peer: Peer): boolean {
  return peer.kind === 'outside' && containsExcept(cidr, except ?? [], peer.address);
}

/** "If no layer 4 policy is specified, the endpoint is allowed to send and receive on all layer 4 ports and protocols including ICMP." */
function matchesPorts(toPorts: NonNullable<CiliumRule['toPorts']>, question: Question): boolean {
  return toPorts.length === 0 || toPorts.flatMap(({ ports }) => ports ?? []).some((port) => portMatches(port, question));
}

/** "If any layer 4 policy is specified, then ICMP will be blocked." Port 0 is every port. "EndPort is ignored if Port is a named port." */
function portMatches({ port, endPort, protocol }: CiliumPort, question: Question): boolean {
  if (!protocolMatches(protocol ?? 'ANY', question.protocol)) return false;
  if (!/^\d+$/.test(String(port))) return nameMatches(String(port), question);
  const first = Number(port);
  return first === 0 || (question.port >= first && question.port <= (endPort || first));
}

/** "Protocol is the L4 protocol. If omitted or empty, any protocol matches. ... Matching on ICMP is not supported." */
function protocolMatches(wanted: string, protocol: Question['protocol']): boolean {
  if (protocol === 'ICMP' || protocol === 'ICMPv6') return false;
  return wanted === '' || wanted === 'ANY' || wanted === protocol;
}

/** "Name of a container port: resolved per peer on egress, per own pod on ingress." (semantics) Names are compared without regard to case. */
function nameMatches(name: string, question: Question): boolean {
  const named = destinationEndpoint(question)?.namedPorts ?? [];
  return named.some((port) => port.name === name.toLowerCase() && port.protocol === question.protocol && port.port === question.port);
}
