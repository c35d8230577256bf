import { compareText } from '@myelin/labels';
import type { CompiledEntry, CompiledPeer, PolicyReference, Protocol, RuleOrigin } from './compiled.ts';
import { protocols } from './compiled.ts';

const sectionOrder: readonly RuleOrigin['section'][] = ['ingress', 'ingressDeny', 'egress', 'egressDeny'];
const peerOrder: readonly CompiledPeer['kind'][] = ['any', 'identity', 'world', 'cidr', 'ipBlock'];

/** Order of policies: by kind, namespace, name, UID. */
export function comparePolicies(a: PolicyReference, b: PolicyReference): number {
  if (a === b) return 0;
  return compareText(a.kind, b.kind) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || compareText(a.uid, b.uid);
}

/** Order of rules: by policy, spec, section, index. */
export function compareOrigins(a: RuleOrigin, b: RuleOrigin): number {
  if (a === b) return 0;
  return (
    comparePolicies(a.policy, b.policy) ||
    a.specIndex - b.specIndex ||
    sectionOrder.indexOf(a.section) - sectionOrder.indexOf(b.section) ||
    a.ruleIndex - b.ruleIndex
  );
}

const prefixText = (peer: { readonly prefix: string; readonly except: readonly string[] }): string =>
  [peer.prefix, ...peer.except].join(' ');

function comparePeers(a: CompiledPeer, b: CompiledPeer): number {
  if (a.kind !== b.kind) return peerOrder.indexOf(a.kind) - peerOrder.indexOf(b.kind);
  if (a.kind === 'identity' && b.kind === 'identity') return a.identity - b.identity;
  if (a.kind === 'world' && b.kind === 'world') return (a.family ?? 0) - (b.family ?? 0);
  if ('prefix' in a && 'prefix' in b) return compareText(prefixText(a), prefixText(b));
  return 0;
}

const protocolOrder = (protocol: Protocol | null): number => (protocol === null ? -1 : protocols.indexOf(protocol));

/** Order of a direction's entries: by peer, protocol, ports, verdict; wider before narrower, allow before deny. Equal only for the same match and verdict. */
export function compareEntries(a: CompiledEntry, b: CompiledEntry): number {
  return (
    comparePeers(a.peer, b.peer) ||
    protocolOrder(a.protocol) - protocolOrder(b.protocol) ||
    (a.ports?.first ?? 0) - (b.ports?.first ?? 0) ||
    (b.ports?.last ?? 65536) - (a.ports?.last ?? 65536) ||
    compareText(a.verdict, b.verdict)
  );
}

/** `kind namespace/name`, as people name a policy; without the namespace where there is none. */
export function formatPolicy({ kind, namespace, name }: PolicyReference): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

/** A rule as people find it: `NetworkPolicy shop/web, ingress[0]`, with `specs[n]` where a document has several. */
export function formatOrigin({ policy, section, specIndex, ruleIndex }: RuleOrigin): string {
  if (policy.kind === 'Builtin') return `built-in rule ${policy.name}`;
  return `${formatPolicy(policy)}, ${specIndex === 0 ? '' : `specs[${specIndex}].`}${section}[${ruleIndex}]`;
}
