import { type Address, contains, type Prefix, prefix } from '@myelin/address';
import { isNodeLocal, reservedIdentities } from '@myelin/labels';
import type { CompiledEntry, CompiledPeer, Protocol } from '@myelin/policy-model';

/**
 * One end of a flow. `identity` is the cluster-wide number; an address outside the cluster has a `world…` identity or the number that its node
 * gave its prefix.
 */
export interface End {
  readonly identity: number;
  readonly address: Address;
}

/** What policy sees of a flow, beside who the other end is. `port` is the destination's; it means nothing for ICMP. */
export interface Traffic {
  readonly protocol: Protocol;
  readonly port: number;
}

const { world, 'world-ipv4': worldIpv4, 'world-ipv6': worldIpv6 } = reservedIdentities;

/** Whether an identity is one of addresses outside the cluster. */
export function isOutside(identity: number): boolean {
  return identity === world || identity === worldIpv4 || identity === worldIpv6 || isNodeLocal(identity);
}

type PrefixPeer = Extract<CompiledPeer, { prefix: string }>;

const read = new WeakMap<PrefixPeer, { readonly outer: Prefix; readonly except: readonly Prefix[] }>();

function liesIn(address: Address, peer: PrefixPeer): boolean {
  const known = read.get(peer) ?? { outer: prefix(peer.prefix), except: peer.except.map((text) => prefix(text)) };
  read.set(peer, known);
  return contains(known.outer, address) && !known.except.some((one) => contains(one, address));
}

/** Whether a peer of an entry is this end. */
export function matchesPeer(peer: CompiledPeer, { identity, address }: End): boolean {
  switch (peer.kind) {
    case 'any':
      return true;
    case 'identity':
      return peer.identity === identity;
    case 'world':
      return isOutside(identity) && (peer.family === null || peer.family === address.family);
    case 'cidr':
      return isOutside(identity) && liesIn(address, peer);
    case 'ipBlock':
      return liesIn(address, peer);
  }
}

/** Whether an entry speaks of this protocol and port. */
export function matchesTraffic({ protocol, ports }: Pick<CompiledEntry, 'protocol' | 'ports'>, traffic: Traffic): boolean {
  if (protocol === null) return true;
  return protocol === traffic.protocol && (ports === null || (ports.first <= traffic.port && traffic.port <= ports.last));
}
