import { askCiliumPolicy } from './cilium.ts';
import { askKubernetesPolicy } from './kubernetes.ts';
import { policyManifest, policyName } from './manifests.ts';
import type { Answer, OracleEnd, OracleEndpoint, OracleFlow, OracleWorld, Peer, Question } from './world.ts';

/** What happens to a flow, and because of whom. */
export interface OracleDecision {
  verdict: 'forwarded' | 'denied-egress' | 'denied-ingress';
  /** The policies ("kind/namespace/name") whose rules allowed or denied, or whose default deny isolates; sorted. */
  policies: string[];
}

/**
 * Decides a flow from the specifications. Throws RangeError for an end that isn't in the world, and for a flow from an endpoint to
 * itself: that one never leaves the pod.
 */
export function decide(world: OracleWorld, flow: OracleFlow): OracleDecision {
  const source = endOf(world, flow.source);
  const destination = endOf(world, flow.destination);
  if (source.endpoint !== null && source.endpoint === destination.endpoint) throw new RangeError('a flow from an endpoint to itself');
  // "Both ends must permit: egress at the source, ingress at the destination." (semantics)
  const egress = decideAt(world, flow, 'egress', source, destination);
  if (!egress.permitted) return { verdict: 'denied-egress', policies: sorted(egress.policies) };
  const ingress = decideAt(world, flow, 'ingress', destination, source);
  if (!ingress.permitted) return { verdict: 'denied-ingress', policies: sorted(ingress.policies) };
  return { verdict: 'forwarded', policies: sorted([...egress.policies, ...ingress.policies]) };
}

interface End {
  endpoint: OracleEndpoint | null;
  node: string | null;
  address: string;
}

interface Outcome {
  permitted: boolean;
  policies: string[];
}

/** Policy applies to endpoints only: a node and the outside have none. */
function decideAt(world: OracleWorld, flow: OracleFlow, direction: Question['direction'], at: End, other: End): Outcome {
  if (at.endpoint === null) return { permitted: true, policies: [] };
  const peer = peerOf(at.endpoint, other);
  return answer(world, { subject: at.endpoint, direction, peer, protocol: flow.protocol, port: flow.port });
}

/** "Namespaced tier: KNP, CNP, CCNP together: allows are a union, a deny beats every allow of that tier, whatever the order." (semantics) */
function answer(world: OracleWorld, question: Question): Outcome {
  const answers = world.policies.map((raw) => ask(raw, question));
  const policies = (what: keyof Answer) => answers.filter((one) => one[what]).map(({ name }) => name);
  if (policies('denies').length > 0) return { permitted: false, policies: policies('denies') };
  if (policies('allows').length > 0) return { permitted: true, policies: policies('allows') };
  // "Not isolated = allowed." (semantics)
  if (policies('isolates').length === 0 || isOwnNode(question)) return { permitted: true, policies: [] };
  return { permitted: false, policies: policies('isolates') };
}

/** "The node where a pod runs may always reach it, else its probes fail; an explicit deny of `host` wins over that." (semantics) */
function isOwnNode({ direction, peer }: Question): boolean {
  return direction === 'ingress' && peer.kind === 'node' && peer.local;
}

function ask(raw: unknown, question: Question): Answer & { name: string } {
  const manifest = policyManifest(raw);
  const said = manifest.kind === 'NetworkPolicy' ? askKubernetesPolicy(manifest, question) : askCiliumPolicy(manifest, question);
  return { name: policyName(manifest), ...said };
}

function endOf(world: OracleWorld, end: OracleEnd): End {
  if ('endpoint' in end) {
    const endpoint = world.endpoints.find(({ namespace, name }) => `${namespace}/${name}` === end.endpoint);
    if (endpoint === undefined) throw new RangeError(`no endpoint ${end.endpoint}`);
    return { endpoint, node: null, address: end.address };
  }
  if ('node' in end) {
    if (!world.nodes.some(({ name }) => name === end.node)) throw new RangeError(`no node ${end.node}`);
    return { endpoint: null, node: end.node, address: end.address };
  }
  return { endpoint: null, node: null, address: end.address };
}

function peerOf(subject: OracleEndpoint, { endpoint, node, address }: End): Peer {
  if (endpoint !== null) return { kind: 'endpoint', endpoint, address };
  return node === null ? { kind: 'outside', address } : { kind: 'node', local: node === subject.node, address };
}

function sorted(names: string[]): string[] {
  return [...new Set(names)].sort();
}
