import { derivedKeys, reservedIdentities } from '@myelin/labels';
import type { CompiledPeer, Entity, LabelSelector, Peer } from '@myelin/policy-model';

/** A peer of a rule as compilation sees it: a fixed compiled peer, or a selector whose members come and go. */
export type PeerTarget = { readonly fixed: CompiledPeer } | { readonly selector: LabelSelector };

const any: PeerTarget = { fixed: { kind: 'any' } };
const world = (family: 4 | 6 | null): PeerTarget => ({ fixed: { kind: 'world', family } });
const reserved = (key: string): PeerTarget => ({ selector: [{ source: 'reserved', key, operator: 'Exists', values: [] }] });
const pods: PeerTarget = { selector: [{ source: 'k8s', key: derivedKeys.cluster, operator: 'Exists', values: [] }] };

/** What each entity stands for. A name without a target does not compile. */
const entityTargets: Readonly<Record<Entity, readonly PeerTarget[]>> = {
  all: [any],
  world: [world(null)],
  'world-ipv4': [world(4)],
  'world-ipv6': [world(6)],
  cluster: [...['host', 'remote-node', 'init', 'ingress', 'health', 'unmanaged', 'kube-apiserver'].map(reserved), pods],
  host: [reserved('host')],
  'remote-node': [reserved('remote-node')],
  'kube-apiserver': [reserved('kube-apiserver')],
  ingress: [reserved('ingress')],
  init: [reserved('init')],
  health: [reserved('health')],
  unmanaged: [reserved('unmanaged')],
  none: [],
};

/** What a peer of the source model stands for. */
export function targetsOf(peer: Peer): readonly PeerTarget[] {
  switch (peer.kind) {
    case 'any':
      return [any];
    case 'endpoints':
      return [{ selector: peer.selector }];
    case 'entity':
      return entityTargets[peer.entity];
    case 'cidr':
    case 'ipBlock':
      return [{ fixed: { kind: peer.kind, prefix: peer.prefix, except: peer.except } }];
  }
}

const worldFamilies = new Map<number, 4 | 6 | null>([
  [reservedIdentities.world, null],
  [reservedIdentities['world-ipv4'], 4],
  [reservedIdentities['world-ipv6'], 6],
]);

/** Compiled peer of a selected identity: the world is a peer of its own, as agents number its prefixes themselves. */
export function peerOf(identity: number): CompiledPeer {
  const family = worldFamilies.get(identity);
  return family === undefined ? { kind: 'identity', identity } : { kind: 'world', family };
}
