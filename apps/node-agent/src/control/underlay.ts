import { type Address, type Family, formatAddress } from '@myelin/address';
import type { Datapath, TunnelledNode } from '@myelin/datapath';
import { MyelinError } from '@myelin/service';
import { mtuOfNetwork, raiseTunnel, removeTunnel } from '../adapters/tunnel.ts';
import type { NodeAgentConfig } from '../config.ts';
import type { NodeRanges } from '../domain/cluster-ranges.ts';
import { outerAddress, type Routing } from '../domain/peer-routes.ts';
import { tunnelMac, tunnelOverhead } from '../domain/tunnel-device.ts';

/** How this node reaches others. */
export interface Underlay {
  readonly routing: Routing;
  /** Of pods' interfaces. */
  readonly mtu: number;
  /** UDP port of the tunnel; null: there is none. */
  readonly port: number | null;
  /** How a peer is reached through a tunnel; null: not so, or it has no address that fits. */
  readonly tunnelTo: (peer: NodeRanges) => TunnelledNode | null;
}

type Options = Pick<NodeAgentConfig, 'routing' | 'underlay' | 'tunnelPort' | 'mtu' | 'address' | 'clusterId'>;

/** Brings the tunnel device up, or takes it away where the cluster routes natively. Throws `failed_precondition` where the node has no address that fits. */
export async function openUnderlay(options: Options, datapath: Datapath): Promise<Underlay> {
  const { routing, mtu, tunnelPort, address, clusterId } = options;
  if (routing === 'native') {
    await removeTunnel();
    return { routing: { mode: 'native' }, mtu: mtu || (await mtuOfNetwork(address[0]!)), port: null, tunnelTo: () => null };
  }
  const underlay: Family = options.underlay === 'ipv4' ? 4 : 6;
  const own = outerAddress({ addresses: address }, underlay);
  if (own === null) {
    const message = `tunnels over ${options.underlay} need an address of that family, and this node has ${address.map(formatAddress).join(', ') || 'none'}: choose another --underlay for the whole cluster`;
    throw new MyelinError('failed_precondition', message);
  }
  const inner = mtu || (await mtuOfNetwork(own)) - tunnelOverhead[underlay];
  const mac = tunnelMac(own);
  const ifindex = await raiseTunnel({ mac, mtu: inner, port: tunnelPort }, datapath.attachments);
  return {
    routing: { mode: 'overlay', underlay, clusterId },
    mtu: inner,
    port: tunnelPort,
    tunnelTo: (peer) => tunnelTo(peer, underlay, { ifindex, mac, mtu: inner }),
  };
}

interface OwnEnd {
  readonly ifindex: number;
  readonly mac: string;
  readonly mtu: number;
}

function tunnelTo(peer: NodeRanges, underlay: Family, own: OwnEnd): TunnelledNode | null {
  const address: Address | null = outerAddress(peer, underlay);
  if (address === null) return null;
  return { address, mac: tunnelMac(address), ownMac: own.mac, ifindex: own.ifindex, mtu: own.mtu, podRanges: peer.podRanges };
}
