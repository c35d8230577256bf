/** Numbers that mean the same on every cluster; names as in `reserved:<name>`. */
export const reservedIdentities = Object.freeze({
  unknown: 0,
  host: 1,
  world: 2,
  unmanaged: 3,
  health: 4,
  init: 5,
  'remote-node': 6,
  'kube-apiserver': 7,
  ingress: 8,
  'world-ipv4': 9,
  'world-ipv6': 10,
  'encrypted-overlay': 11,
} as const);
export type ReservedName = keyof typeof reservedIdentities;

const names = new Map<number, ReservedName>(Object.entries(reservedIdentities).map(([name, number]) => [number, name as ReservedName]));

/** First and last of each range of identity numbers, inclusive. */
export const identityRanges = Object.freeze({
  reserved: { first: 0, last: 255 },
  wellKnown: { first: 100, last: 127 },
  userReserved: { first: 128, last: 255 },
  /** Allocated for this cluster; remote clusters' have their id, 1–255, in the bits above 16. */
  cluster: { first: 256, last: 0xffff },
  /** CIDR and DNS-name identities: mean something on one node only. */
  localPrefix: { first: 1 << 24, last: (2 << 24) - 1 },
  remoteNode: { first: 2 << 24, last: (3 << 24) - 1 },
} as const);

const within = ({ first, last }: { first: number; last: number }, identity: number): boolean => identity >= first && identity <= last;

/** Name of a reserved identity; null for every other number, the well-known and user-reserved ranges included. */
export function reservedName(identity: number): ReservedName | null {
  return names.get(identity) ?? null;
}

/** 0–255: never allocated. */
export function isReserved(identity: number): boolean {
  return within(identityRanges.reserved, identity);
}

/** An allocated number, of this cluster or, with a cluster id above its lower 16 bits, of another one. */
export function isClusterWide(identity: number): boolean {
  return identity < identityRanges.localPrefix.first && (identity & 0xffff) >= identityRanges.cluster.first;
}

/** A number that one node gave a prefix, a DNS name or a remote node: it must not leave that node. */
export function isNodeLocal(identity: number): boolean {
  return identity >= identityRanges.localPrefix.first;
}

/** Labels of a reserved identity: `reserved:<name>`. The API server is a node of the cluster as well, as upstream has it. */
export function reservedLabels(name: ReservedName): readonly string[] {
  return name === 'kube-apiserver' ? ['reserved:kube-apiserver', 'reserved:remote-node'] : [`reserved:${name}`];
}
