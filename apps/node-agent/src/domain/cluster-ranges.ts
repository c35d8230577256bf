import { type Address, type Prefix, parseAddress, parsePrefix, prefixOf } from '@myelin/address';
import type { Node } from '@myelin/contracts/identity';
import type { MasqueradeRanges } from './masquerade.ts';

/** What one node tells of itself, read. What can't be read is passed over. */
export interface NodeRanges {
  readonly addresses: readonly Address[];
  readonly podRanges: readonly Prefix[];
}

/** Reads a node's row. */
export function rangesOf({ addresses, podCidrs }: Pick<Node, 'addresses' | 'podCidrs'>): NodeRanges {
  return {
    addresses: addresses.map(parseAddress).filter((address) => address !== null),
    podRanges: podCidrs.map((text) => parsePrefix(text)).filter((prefix) => prefix !== null),
  };
}

/** Pod ranges of all nodes: an address in them that nobody has is unknown, not `world` (design D4). */
export function clusterRanges(own: NodeRanges, others: Iterable<NodeRanges>): readonly Prefix[] {
  return [own, ...others].flatMap(({ podRanges }) => podRanges);
}

/** What masquerade goes by: pods of this node, to everything but pod ranges, node addresses and exclusions. */
export function masqueradeRanges(
  own: NodeRanges,
  others: Iterable<NodeRanges>,
  exclusions: readonly Prefix[],
  tunnelPort: number | null,
): MasqueradeRanges {
  const inside = [own, ...others].flatMap(({ podRanges, addresses }) => [...podRanges, ...addresses.map((address) => prefixOf(address))]);
  return { own: own.podRanges, inside: [...inside, ...exclusions], tunnelPort };
}
