import { contains, formatPrefix, parseAddress } from '@myelin/address';
import { makeCgroup } from '../machine/cgroup.ts';
import { createNetns, ip, type Sysctls } from '../machine/netns.ts';
import { run } from '../machine/process.ts';
import { fabric } from '../plan/address-plan.ts';
import { netnsName, type Place } from '../plan/names.ts';
import type { NodeState } from '../plan/state.ts';
import { type Lab, setupIn, setupPlace, whereIs } from './lab.ts';

/** Probes of ICMP use the kernel's ping sockets; a thousand refused datagrams are a thousand ICMP errors; addresses are usable at once. */
const everywhere: Sysctls = {
  'net.ipv4.ping_group_range': '0 0',
  'net.ipv4.icmp_ratemask': 0,
  'net.ipv6.icmp.ratemask': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.default.accept_ra': 0,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
};
const router: Sysctls = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
};

/** Makes a place: its network namespace and its cgroup. Nodes and the fabric forward. */
export async function createPlace(lab: Lab, place: Place): Promise<void> {
  const forwards = place.kind === 'node' || place.kind === 'fabric';
  makeCgroup(whereIs(lab, place).cgroup);
  await createNetns(netnsName(lab.id, place), { ...everywhere, ...(forwards ? router : {}) }, setupPlace(lab));
}

const lengthOf = { 4: 32, 6: 128 } as const;

/**
 * Makes the fabric, and the outside host and the control plane's namespace on it: a router with one bridge for the nodes' uplinks, one for the control
 * network, and a link to the outside. The control network is apart so that no pod, and nothing that happens to the nodes' uplinks, reaches it.
 */
export async function createFabric(lab: Lab): Promise<void> {
  await Promise.all((['fabric', 'outside', 'control'] as const).map((kind) => createPlace(lab, { kind })));
  // A bridge without a MAC address of its own takes its lowest port's, and another one when nodes come and go: its neighbours' caches would be wrong for seconds.
  const bridge = (name: string, mac: string) => [
    `link add ${name} address ${mac} type bridge forward_delay 0 mcast_snooping 0`,
    `link set ${name} up`,
  ];
  await ip(setupIn(lab, { kind: 'fabric' }), [
    ...bridge('nodes', '02:00:00:00:00:01'),
    ...bridge('control', '02:00:00:00:00:02'),
    ...fabric.prefixes.map((prefix, index) => `address add ${fabric.gateways[index]}/${prefix.bits} dev nodes`),
    `link add control-plane type veth peer name eth0 netns ${netnsName(lab.id, { kind: 'control' })}`,
    'link set control-plane master control up',
    `link add outside type veth peer name eth0 netns ${netnsName(lab.id, { kind: 'outside' })}`,
    'link set outside up',
    ...fabric.outsidePrefixes.map((prefix, index) => `address add ${fabric.outsideGateways[index]}/${prefix.bits} dev outside`),
  ]);
  await ip(setupIn(lab, { kind: 'control' }), ['link set eth0 up', `address add ${fabric.control}/${fabric.controlPrefix.bits} dev eth0`]);
  await ip(setupIn(lab, { kind: 'outside' }), [
    'link set eth0 up',
    ...fabric.outsidePrefixes.map((prefix, index) => `address add ${fabric.outside[index]}/${prefix.bits} dev eth0`),
    ...fabric.outsideGateways.map((gateway) => `route add default via ${gateway}`),
  ]);
}

/** Table of the routes that only the node's own processes have. */
const controlTable = 77;

/** Plugs a node in: `eth0` on the fabric with its addresses and a default route, `control0` on the control network. */
export async function attachNode(lab: Lab, node: NodeState): Promise<void> {
  const place = { kind: 'node', node: node.name } as const;
  const netns = netnsName(lab.id, place);
  const addresses = node.addresses.map((text) => {
    const address = parseAddress(text)!;
    const home = fabric.prefixes.find((prefix) => contains(prefix, address));
    return { text, length: home?.bits ?? lengthOf[address.family], isForeign: home === undefined };
  });
  await ip(setupIn(lab, { kind: 'fabric' }), [
    `link add n${node.index} type veth peer name eth0 netns ${netns}`,
    `link set n${node.index} master nodes up`,
    `link add c${node.index} type veth peer name control0 netns ${netns}`,
    `link set c${node.index} master control up`,
    ...addresses.filter(({ isForeign }) => isForeign).map(({ text, length }) => `route add ${text}/${length} dev nodes`),
  ]);
  await ip(setupIn(lab, place), [
    'link set eth0 up',
    ...addresses.map(({ text, length }) => `address add ${text}/${length} dev eth0`),
    // An address outside of the nodes' network has no route to the gateway but this one.
    ...fabric.gateways.map((gateway) => `route add default via ${gateway} dev eth0 onlink`),
    'link set control0 up',
    `address add ${node.controlAddress}/32 dev control0`,
    `route add ${fabric.control}/32 dev control0 src ${node.controlAddress} table ${controlTable}`,
    // `iif lo` is what the node itself sends: what it forwards for pods has no way to the control plane.
    `rule add iif lo lookup ${controlTable}`,
  ]);
}

/** Has the fabric route a node's pod ranges to it, as a network of real machines would. */
export async function routePods(lab: Lab, node: NodeState): Promise<void> {
  const lines = node.podCidrs.flatMap((cidr) => {
    const family = cidr.includes(':') ? 6 : 4;
    const via = node.addresses.find((address) => parseAddress(address)!.family === family);
    return via === undefined ? [] : [`route replace ${cidr} via ${via} dev nodes onlink`];
  });
  await ip(setupIn(lab, { kind: 'fabric' }), lines);
}

/** Unplugs a node: its links on the fabric go, and the routes to it. What isn't there any more is success. */
export async function detachNode(lab: Lab, { index, addresses, podCidrs }: NodeState): Promise<void> {
  const where = setupIn(lab, { kind: 'fabric' });
  const links = (JSON.parse(await run(where, ['ip', '-json', 'link'])) as { ifname: string }[]).map(({ ifname }) => ifname);
  for (const family of [4, 6] as const) {
    const ofFamily = (text: string) => text.includes(':') === (family === 6);
    const lines = [
      ...[...podCidrs, ...addresses].filter(ofFamily).map((destination) => `route flush exact ${destination} dev nodes`),
      // The next node of these addresses has another MAC address.
      ...addresses.filter(ofFamily).map((address) => `neigh flush to ${address} dev nodes`),
    ];
    // What is flushed is of the family that ip is called for, whatever the destination's.
    await run(where, ['ip', `-${family}`, '-batch', '-'], `${lines.join('\n')}\n`);
  }
  await ip(
    where,
    [`n${index}`, `c${index}`].filter((name) => links.includes(name)).map((name) => `link delete ${name}`),
  );
}

/** For people: where the outside host is. */
export const describeFabric = (): string =>
  `outside ${fabric.outside.join(', ')}; nodes on ${fabric.prefixes.map(formatPrefix).join(', ')}`;
