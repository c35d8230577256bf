import { type Prefix, prefix } from '@myelin/address';
import { direction as directions, policySpace } from '@myelin/datapath-layout';
import { reservedIdentities } from '@myelin/labels';
import type { LocalDirection, LocalEntry, LocalPolicy, PeerKey, PrefixRow } from '@myelin/policy-localize';
import type { PolicyImage, PolicyImageEntry } from './policy-image.ts';

function entryOf(direction: number, { peer, protocol, port, verdict, origin }: LocalEntry): PolicyImageEntry {
  const key =
    peer.space === 'any'
      ? { space: policySpace.SPACE_ANY, peer: 0 }
      : peer.space === 'identity'
        ? { space: policySpace.SPACE_IDENTITY, peer: peer.identity }
        : { space: policySpace.SPACE_CLASS, peer: peer.number };
  // L7 rule sets come with the issue that builds them: 0 is none.
  return { direction, ...key, protocol, port: port?.port ?? 0, portBits: port?.bits ?? 0, deny: verdict === 'deny', origin, ruleSet: 0 };
}

/** A localized policy in the form of the kernel's tables. */
export function kernelPolicy({ identity, digest, ingress, egress }: LocalPolicy): PolicyImage {
  const entries = (direction: number, of: LocalDirection) => of.entries.map((entry) => entryOf(direction, entry));
  return {
    identity,
    digest,
    ingressIsolated: ingress.isolated,
    egressIsolated: egress.isolated,
    ingressDefaultOrigin: ingress.defaultOrigin,
    egressDefaultOrigin: egress.defaultOrigin,
    entries: [...entries(directions.DIRECTION_INGRESS, ingress), ...entries(directions.DIRECTION_EGRESS, egress)],
  };
}

function localEntry({ space, peer, protocol, port, portBits, deny, origin }: PolicyImageEntry): LocalEntry {
  const key: PeerKey =
    space === policySpace.SPACE_ANY
      ? { space: 'any' }
      : space === policySpace.SPACE_IDENTITY
        ? { space: 'identity', identity: peer }
        : { space: 'class', number: peer };
  return { peer: key, protocol, port: portBits === 0 ? null : { port, bits: portBits }, verdict: deny ? 'deny' : 'allow', origin };
}

/** What `kernelPolicy` was made of, read back from the kernel's tables. */
export function localPolicy(image: PolicyImage): LocalPolicy {
  const entries = (wanted: number) => image.entries.filter(({ direction }) => direction === wanted).map(localEntry);
  return {
    identity: image.identity,
    digest: image.digest,
    ingress: {
      isolated: image.ingressIsolated,
      defaultOrigin: image.ingressDefaultOrigin,
      entries: entries(directions.DIRECTION_INGRESS),
    },
    egress: {
      isolated: image.egressIsolated,
      defaultOrigin: image.egressDefaultOrigin,
      entries: entries(directions.DIRECTION_EGRESS),
    },
  };
}

const { 'world-ipv4': worldIpv4, 'world-ipv6': worldIpv6 } = reservedIdentities;

/** What covers everything that no policy and no cluster range names: the world of each family. */
const everywhere: readonly PrefixRow[] = [
  { prefix: prefix('0.0.0.0/0'), identity: worldIpv4, peerClass: 0 },
  { prefix: prefix('::/0'), identity: worldIpv6, peerClass: 0 },
];

const isSame = (a: Prefix, b: Prefix) => a.family === b.family && a.value === b.value && a.bits === b.bits;

/** All rows of the kernel's prefix tables: an address without any row would be unknown, and dropped (design D4). */
export function kernelPrefixes(rows: readonly PrefixRow[]): readonly PrefixRow[] {
  return [...rows, ...everywhere.filter((world) => !rows.some((row) => isSame(row.prefix, world.prefix)))];
}
