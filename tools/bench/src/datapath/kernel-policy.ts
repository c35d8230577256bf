import { prefix } from '@myelin/address';
import type { PolicyImage, PrefixEntry } from '@myelin/datapath';
import { direction as directions, policySpace } from '@myelin/datapath-layout';
import { reservedIdentities } from '@myelin/labels';
import type { LocalDirection, LocalEntry, LocalPolicy, PeerKey, PrefixRow } from '@myelin/policy-localize';

/** A localized policy in the form that libs/datapath writes, as the node agent makes it. */
export function kernelPolicy({ identity, digest, ingress, egress }: LocalPolicy): PolicyImage {
  const entries = (direction: number, of: LocalDirection) => of.entries.map((entry) => entryOf(direction, entry));
  return {
    identity,
    digest,
    ingressIsolated: ingress.isolated,
    egressIsolated: egress.isolated,
    ingressDefaultOrigin: ingress.defaultOrigin,
    egressDefaultOrigin: egress.defaultOrigin,
    ingressClasses: ingress.usesClasses,
    egressClasses: egress.usesClasses,
    entries: [...entries(directions.DIRECTION_INGRESS, ingress), ...entries(directions.DIRECTION_EGRESS, egress)],
  };
}

/** The prefix tables' rows, those of the world included. */
export function kernelPrefixes(rows: readonly PrefixRow[]): readonly PrefixEntry[] {
  const world = [
    { prefix: prefix('0.0.0.0/0'), identity: reservedIdentities['world-ipv4'], peerClass: 0 },
    { prefix: prefix('::/0'), identity: reservedIdentities['world-ipv6'], peerClass: 0 },
  ];
  const has = (row: PrefixRow) => rows.some(({ prefix: { family, bits } }) => family === row.prefix.family && bits === 0);
  return [...rows, ...world.filter((row) => !has(row))];
}

function entryOf(direction: number, { peer, protocol, port, verdict, origin }: LocalEntry): PolicyImage['entries'][number] {
  const deny = verdict === 'deny';
  return { direction, ...keyOf(peer), protocol, port: port?.port ?? 0, portBits: port?.bits ?? 0, deny, origin, ruleSet: 0 };
}

function keyOf(peer: PeerKey): { readonly space: number; readonly peer: number } {
  if (peer.space === 'identity') return { space: policySpace.SPACE_IDENTITY, peer: peer.identity };
  if (peer.space === 'class') return { space: policySpace.SPACE_CLASS, peer: peer.number };
  return { space: policySpace.SPACE_ANY, peer: 0 };
}
