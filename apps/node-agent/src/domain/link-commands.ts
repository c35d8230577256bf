import { type Address, formatAddress } from '@myelin/address';

/** Where pods send what isn't theirs: link-local, on every node the same, answered by the BPF program. */
export const gateways = Object.freeze({ 4: '169.254.1.1', 6: 'fe80::1' } as const);

/** Everything about a veth pair that commands need. `netns` is a path. */
export interface Link {
  readonly hostInterface: string;
  readonly podInterface: string;
  readonly netns: string;
  readonly podMac: string;
  readonly nodeMac: string;
  readonly addresses: readonly Address[];
  /** The node's own address of each family it has: source of what the node itself sends to the pod. */
  readonly nodeAddresses: Readonly<Partial<Record<4 | 6, Address>>>;
  readonly mtu: number;
}

const host = ({ family }: Address) => (family === 4 ? 32 : 128);

/** Why a text can't stand in an `ip -batch` line; null when it can. Words there are split at blanks and quotes. */
export function refuseWord(text: string): string | null {
  return /^[^\s"'\\#]+$/.test(text) && !text.startsWith('-') ? null : `"${text}" holds blanks, quotes or a leading dash`;
}

/** Why a name is none that Linux takes for an interface; null when it is. */
export function refuseInterfaceName(name: string): string | null {
  const fine = name.length > 0 && name.length < 16 && name !== '.' && name !== '..' && /^[^\s/:"'\\#-][^\s/:"'\\#]*$/.test(name);
  return fine ? null : `"${name}" is no interface name: at most 15 characters, no slash, colon, quote or blank`;
}

/** `ip -batch` lines for the node's namespace: the pair, its other end already in the pod, both down. */
export function createPair({ hostInterface, podInterface, netns, podMac, nodeMac, mtu }: Link): readonly string[] {
  return [
    `link add name ${hostInterface} address ${nodeMac} mtu ${mtu} type veth peer name ${podInterface} address ${podMac} mtu ${mtu} netns ${netns}`,
    // Without a link-local address of its own this side stays silent: the BPF program speaks for the gateway.
    `link set dev ${hostInterface} addrgenmode none`,
  ];
}

/** `ip -batch` lines for the node's namespace, once programs are attached: up, with the way to the pod. */
export function openHostSide({ hostInterface, podMac, addresses, nodeAddresses }: Link): readonly string[] {
  return [
    `link set dev ${hostInterface} up`,
    ...addresses.flatMap((address) => {
      const text = formatAddress(address);
      const source = nodeAddresses[address.family];
      return [
        `neigh replace ${text} lladdr ${podMac} dev ${hostInterface} nud permanent`,
        `route replace ${text}/${host(address)} dev ${hostInterface}${address.family === 4 ? ' scope link' : ''}${source === undefined ? '' : ` src ${formatAddress(source)}`}`,
      ];
    }),
  ];
}

/** `ip -batch` lines for the pod's namespace. */
export function openPodSide({ podInterface, nodeMac, addresses }: Link): readonly string[] {
  return [
    'link set dev lo up',
    // No link-local address: nothing in the pod needs one, and duplicate address detection would delay it.
    `link set dev ${podInterface} addrgenmode none`,
    `link set dev ${podInterface} up`,
    ...addresses.flatMap((address) => {
      const gateway = gateways[address.family];
      return [
        `addr add ${formatAddress(address)}/${host(address)} dev ${podInterface}${address.family === 6 ? ' nodad' : ''}`,
        `neigh replace ${gateway} lladdr ${nodeMac} dev ${podInterface} nud permanent`,
        `route replace default via ${gateway} dev ${podInterface} onlink`,
      ];
    }),
  ];
}

/** Files of the pod's namespace that say 0 before its interface goes up: IPv6 is on, and router advertisements are not listened to. */
export function podSwitchesOff({ podInterface, addresses }: Link): readonly string[] {
  if (!addresses.some(({ family }) => family === 6)) return [];
  return ['disable_ipv6', 'accept_ra'].map((name) => `/proc/sys/net/ipv6/conf/${podInterface}/${name}`);
}

/** `ip -batch` lines that take a pair away; routes and neighbours go with it. */
export function deletePair(hostInterface: string): readonly string[] {
  return [`link del dev ${hostInterface}`];
}
