import { formatAddress } from '@myelin/address';
import { reservedName } from '@myelin/labels';
import { type End, isOutside, type Traffic } from '@myelin/policy-evaluate';
import type { CompiledEntry, CompiledPeer } from '@myelin/policy-model';

/** Name of an identity for people, such as its labels or its pods; null where nothing better than the number is known. */
export type NameIdentity = (identity: number) => string | null;

/** `identity 300 (k8s:app=web, …)`, or the name of a reserved identity. */
export function identityText(identity: number, name: NameIdentity): string {
  const reserved = reservedName(identity);
  if (reserved !== null) return reserved;
  const known = name(identity);
  return known === null ? `identity ${identity}` : `identity ${identity} (${known})`;
}

/** An end of a flow: who and where. */
export function endText({ identity, address }: End, name: NameIdentity): string {
  return `${isOutside(identity) ? 'the world' : identityText(identity, name)} at ${formatAddress(address)}`;
}

/** Whom an entry is about. */
export function peerText(peer: CompiledPeer, name: NameIdentity): string {
  switch (peer.kind) {
    case 'any':
      return 'anyone';
    case 'identity':
      return identityText(peer.identity, name);
    case 'world':
      return peer.family === null ? 'the world' : `the IPv${peer.family} world`;
    case 'cidr':
    case 'ipBlock': {
      const except = peer.except.length === 0 ? '' : ` except ${peer.except.join(', ')}`;
      return `${peer.kind === 'cidr' ? 'addresses outside the cluster in' : 'addresses in'} ${peer.prefix}${except}`;
    }
  }
}

/** What an entry is about: `TCP port 80`, `TCP ports 80–90`, `every port of TCP`, `every protocol`. */
export function matchText({ protocol, ports }: Pick<CompiledEntry, 'protocol' | 'ports'>): string {
  if (protocol === null) return 'every protocol';
  if (ports === null) return `every port of ${protocol}`;
  return ports.first === ports.last ? `${protocol} port ${ports.first}` : `${protocol} ports ${ports.first}–${ports.last}`;
}

/** What a flow is: `TCP port 80`, `ICMP`. */
export function trafficText({ protocol, port }: Traffic): string {
  return protocol === 'ICMP' || protocol === 'ICMPv6' ? protocol : `${protocol} port ${port}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listText(members: readonly string[]): string {
  return members.length < 2 ? members.join('') : `${members.slice(0, -1).join(', ')} and ${members.at(-1)}`;
}
