import {
  type Address,
  compareAddresses,
  contains,
  formatAddress,
  formatPrefix,
  nthAddress,
  overlaps,
  type Prefix,
  parseAddress,
  prefix,
} from '@myelin/address';
import type { LabNode } from './objects.ts';
import type { NodeState } from './state.ts';

/** Networks of every lab, each lab's in namespaces of its own. IPv4 first. */
export const fabric = {
  /** The nodes' network; the fabric routes from it to everywhere else. */
  prefixes: [prefix('172.30.0.0/24'), prefix('fd30::/64')],
  gateways: ['172.30.0.1', 'fd30::1'],
  /** The outside host and its router. */
  outsidePrefixes: [prefix('198.51.100.0/24'), prefix('2001:db8:ffff::/64')],
  outside: ['198.51.100.10', '2001:db8:ffff::10'],
  outsideGateways: ['198.51.100.1', '2001:db8:ffff::1'],
  /** Between nodes and control plane; no pod has a route to it. */
  controlPrefix: prefix('169.254.7.0/24'),
  control: '169.254.7.1',
  /** Where Services' ClusterIPs come from. */
  services: { ipv4: prefix('10.96.0.0/16'), ipv6: prefix('fd00:10:96::/112') },
} as const;

const firstNode = 11;
/** How many nodes the networks have room for. */
export const mostNodes = 200;

/** What is wrong with a Node's addresses or ranges; `path` within its manifest. */
export interface NodeProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly expected: string;
}

/** Where a node stands: what its manifest asks for, and chosen where it asks for nothing. */
export interface PlannedNode {
  readonly index: number;
  readonly addresses: readonly string[];
  readonly controlAddress: string;
}

/** Chooses a node's index and the addresses of the families that its manifest doesn't name. Throws when there is no room. */
export function planNode(node: LabNode, existing: readonly Pick<NodeState, 'index'>[]): PlannedNode {
  const taken = new Set(existing.map(({ index }) => index));
  let index = 0;
  while (taken.has(index)) index += 1;
  if (index >= mostNodes) throw new Error(`a lab has room for ${mostNodes} nodes`);
  const offset = firstNode + index;
  const asked = node.addresses.map((address) => formatAddress(parseAddress(address)!));
  // fd30::11 beside 172.30.0.11: the same digits, easy to tell apart.
  const chosen = [formatAddress(nthAddress(fabric.prefixes[0], offset)!), `fd30::${offset}`];
  const ofFamily = (family: 4 | 6) => asked.filter((address) => parseAddress(address)!.family === family);
  const addresses = [...(ofFamily(4).length > 0 ? ofFamily(4) : [chosen[0]!]), ...(ofFamily(6).length > 0 ? ofFamily(6) : [chosen[1]!])];
  return { index, addresses, controlAddress: formatAddress(nthAddress(fabric.controlPrefix, offset)!) };
}

const reserved: readonly { readonly what: string; readonly prefix: Prefix }[] = [
  ...fabric.prefixes.map((each) => ({ what: "the nodes' network", prefix: each })),
  ...fabric.outsidePrefixes.map((each) => ({ what: 'the outside network', prefix: each })),
  { what: 'the control network', prefix: fabric.controlPrefix },
  ...Object.values(fabric.services).map((each) => ({ what: 'the range of ClusterIPs', prefix: each })),
];

/** What is wrong with a node's addresses and ranges, beside those of the nodes before it. */
export function checkNode(node: LabNode, others: readonly LabNode[]): NodeProblem[] {
  return [...checkAddresses(node, others), ...checkRanges(node, others)];
}

function checkAddresses(node: LabNode, others: readonly LabNode[]): NodeProblem[] {
  const same = (a: Address) => (text: string) => compareAddresses(a, parseAddress(text)!) === 0;
  const problem = (message: string, expected: string): NodeProblem => ({ path: ['status', 'addresses'], message, expected });
  return node.addresses.flatMap((text) => {
    const address = parseAddress(text)!;
    const owner = others.find(({ addresses }) => addresses.some(same(address)));
    if (owner !== undefined) return [problem(`${text} is an address of node ${owner.name}`, 'an address that no other node has')];
    if (fabric.gateways.some(same(address)))
      return [problem(`${text} is the fabric's own address`, `another one, as ${formatPrefix(fabric.prefixes[0])} has`)];
    const taken = reserved.find(({ what, prefix: range }) => what !== "the nodes' network" && contains(range, address));
    return taken === undefined ? [] : [problem(`${text} lies in ${taken.what}, ${formatPrefix(taken.prefix)}`, 'an address outside of it')];
  });
}

function checkRanges(node: LabNode, others: readonly LabNode[]): NodeProblem[] {
  return node.podCidrs.flatMap((text, index) => {
    const range = prefix(text);
    const problem = (message: string, expected: string): NodeProblem[] => [{ path: ['spec', 'podCIDRs', index], message, expected }];
    const owner = others.find(({ podCidrs }) => podCidrs.some((other) => overlaps(range, prefix(other))));
    if (owner !== undefined) return problem(`${text} overlaps a range of node ${owner.name}`, 'a range of its own');
    const taken = reserved.find((other) => overlaps(range, other.prefix));
    return taken === undefined ? [] : problem(`${text} overlaps ${taken.what}, ${formatPrefix(taken.prefix)}`, 'a range outside of it');
  });
}
