import { decide, type OracleDecision } from '../decide.ts';
import type { OracleEnd, OracleEndpoint, OracleFlow } from '../world.ts';

/*
 * The world of the hand-written cases: `shop` (team red) with web and db, `bank` (team blue) with teller and vault; web, teller and
 * vault run on node n1, db on n2. Both stacks everywhere.
 */

function pod(namespace: string, name: string, node: string, number: number, more: Partial<OracleEndpoint> = {}): OracleEndpoint {
  return {
    namespace,
    name,
    node,
    labels: { app: name },
    namespaceLabels: { team: namespace === 'shop' ? 'red' : 'blue' },
    serviceAccount: '',
    namedPorts: [],
    addresses: [`10.0.${node.slice(1)}.${number}`, `fd00:0:0:${node.slice(1)}::${number}`],
    ...more,
  };
}

const endpoints: OracleEndpoint[] = [
  pod('shop', 'web', 'n1', 1, {
    labels: { app: 'web', tier: 'front', empty: '' },
    namedPorts: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  pod('shop', 'db', 'n2', 2, { serviceAccount: 'postgres', namedPorts: [{ name: 'http', port: 80, protocol: 'TCP' }] }),
  pod('bank', 'teller', 'n1', 3, { labels: { app: 'teller', tier: 'front' } }),
  pod('bank', 'vault', 'n1', 4, { labels: { app: 'vault', 'io.kubernetes.pod.namespace': 'shop' } }),
];
const nodes = ['n1', 'n2'].map((name) => ({ name, addresses: [`192.168.0.${name.slice(1)}`, `fd00:ffff::${name.slice(1)}`] }));

/** Every end that the cases use, by a short name; those with `6` are the IPv6 address of the same end. */
export const ends: Record<string, OracleEnd> = Object.fromEntries([
  ...endpoints.flatMap(({ namespace, name, addresses }): [string, OracleEnd][] => [
    [name, { endpoint: `${namespace}/${name}`, address: addresses[0]! }],
    [`${name}6`, { endpoint: `${namespace}/${name}`, address: addresses[1]! }],
  ]),
  ...nodes.flatMap(({ name, addresses }): [string, OracleEnd][] => [
    [name, { node: name, address: addresses[0]! }],
    [`${name}v6`, { node: name, address: addresses[1]! }],
  ]),
  ['outside', { address: '198.51.100.10' }],
  ['other', { address: '203.0.113.7' }],
  ['outside6', { address: '2001:db8:ffff::10' }],
]);

/** Reads "web > db", "web > db TCP 80" (the default), "outside6 > web UDP 53", "n1 > web ICMP". */
function flowOf(text: string): OracleFlow {
  const [from, , to, protocol = 'TCP', port] = text.split(' ') as [string, string, string, OracleFlow['protocol']?, string?];
  const icmp = protocol === 'ICMP' || protocol === 'ICMPv6';
  return { source: ends[from]!, destination: ends[to]!, protocol, port: icmp ? 0 : Number(port ?? 80) };
}

/** Decides a flow in the fixture world under the given manifests. */
export function decision(policies: unknown[], flow: string): OracleDecision {
  return decide({ endpoints, nodes, policies }, flowOf(flow));
}

/** The verdict alone. */
export function verdict(policies: unknown[], flow: string): OracleDecision['verdict'] {
  return decision(policies, flow).verdict;
}

/** Those of the flows that are forwarded, as they are written. */
export function forwarded(policies: unknown[], flows: string[]): string[] {
  return flows.filter((flow) => verdict(policies, flow) === 'forwarded');
}

const web = { matchLabels: { app: 'web' } };

/** NetworkPolicy `shop/knp` on web, or whatever `spec` says. */
export function knp(spec: object, name = 'knp', namespace = 'shop'): unknown {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace, name }, spec: { podSelector: web, ...spec } };
}

/** CiliumNetworkPolicy `shop/cnp` on web. */
export function cnp(spec: object, name = 'cnp', namespace = 'shop'): unknown {
  const metadata = { namespace, name };
  return { apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata, spec: { endpointSelector: web, ...spec } };
}

/** CiliumClusterwideNetworkPolicy `ccnp` on every app=web. */
export function ccnp(spec: object, name = 'ccnp'): unknown {
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumClusterwideNetworkPolicy',
    metadata: { name },
    spec: { endpointSelector: web, ...spec },
  };
}
