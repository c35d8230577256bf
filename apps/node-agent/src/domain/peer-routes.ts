import { type Address, type Family, formatAddress, formatPrefix, type Prefix } from '@myelin/address';
import { reservedIdentities } from '@myelin/labels';
import type { NodeRanges } from './cluster-ranges.ts';
import { tunnelDevice } from './tunnel-device.ts';

/** Origin that our routes bear (`proto`), by which a later process knows them. */
export const routeOrigin = 77;

/** How packets travel between nodes. */
export type Routing =
  | { readonly mode: 'native' }
  | {
      readonly mode: 'overlay';
      /** Of the outer addresses. */
      readonly underlay: Family;
      readonly clusterId: number;
    };

/** A route to pods of a peer. */
export interface PeerRoute {
  readonly prefix: Prefix;
  /** How `ip route replace` is told the way. */
  readonly way: string;
}

const ofFamily = (addresses: readonly Address[], family: Family) => addresses.find((address) => address.family === family);

/** The address by which a tunnel reaches a node; null: it has none of that family. */
export function outerAddress({ addresses }: Pick<NodeRanges, 'addresses'>, underlay: Family): Address | null {
  return ofFamily(addresses, underlay) ?? null;
}

/**
 * Routes of this node's own stack to the pods of its peers. Overlay: into the tunnel, as `remote-node`, never `host` (what pods send doesn't come here). Native: by the peer's
 * address. Ranges that a peer has no fitting address for have none.
 */
export function peerRoutes(routing: Routing, own: readonly Address[], peers: Iterable<NodeRanges>): readonly PeerRoute[] {
  return [...peers].flatMap((peer) =>
    peer.podRanges.flatMap((prefix) => {
      const source = ofFamily(own, prefix.family);
      const way = wayTo(routing, peer, prefix.family);
      return way === null ? [] : [{ prefix, way: source === undefined ? way : `${way} src ${formatAddress(source)}` }];
    }),
  );
}

/** What a tunnel's header carries (bpf/include/config/cluster.h). */
const networkId = (clusterId: number, identity: number) => clusterId * 65_536 + identity;

function wayTo(routing: Routing, peer: NodeRanges, family: Family): string | null {
  if (routing.mode === 'native') {
    const gateway = ofFamily(peer.addresses, family);
    return gateway === undefined ? null : `via ${formatAddress(gateway)}`;
  }
  const outer = outerAddress(peer, routing.underlay);
  if (outer === null) return null;
  const id = networkId(routing.clusterId, reservedIdentities['remote-node']);
  // UDP over IPv6 without a checksum is refused by receivers.
  const outerHeader = outer.family === 4 ? `ip id ${id} dst ${formatAddress(outer)}` : `ip6 id ${id} dst ${formatAddress(outer)} csum`;
  return `encap ${outerHeader} dev ${tunnelDevice}`;
}

/** `ip` arguments that put a route in, in place of one to the same pods. */
export function replaceRoute({ prefix, way }: PeerRoute): readonly string[] {
  return [`-${prefix.family}`, 'route', 'replace', formatPrefix(prefix), ...way.split(' '), 'proto', String(routeOrigin)];
}

/** `ip` arguments that take one away. */
export function deleteRoute(family: Family, destination: string): readonly string[] {
  return [`-${family}`, 'route', 'delete', destination, 'proto', String(routeOrigin)];
}
