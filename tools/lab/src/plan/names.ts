import { createHash } from 'node:crypto';

/** Everything that a lab has outside its directory carries its id: that is how labs live side by side and how `down` finds what is left of one. */
export type LabId = string;

/**
 * Id of the lab in a directory: eight hex digits. `rootDevice` and `rootInode` name the root file system: a chroot or container that shares the
 * kernel, and so its cgroups, may have a directory of the same path.
 */
export function labId(labDir: string, rootDevice: number, rootInode: number): LabId {
  return createHash('sha256').update(`${rootDevice}:${rootInode}:${labDir}`).digest('hex').slice(0, 8);
}

/** A place where processes run, with a network namespace and a cgroup of its own; a pod with `hostNetwork` has the namespace of its node. */
export type Place =
  | { readonly kind: 'fabric' | 'control' | 'outside' }
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'pod'; readonly node: string; readonly namespace: string; readonly name: string; readonly hostNetwork?: boolean };

/** File names end at 255 bytes; names of Kubernetes can be longer together. */
function fit(name: string): string {
  return name.length <= 200 ? name : `${name.slice(0, 180)}-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
}

/** Names of all network namespaces of a lab begin so. */
export const netnsPrefix = (id: LabId): string => `lab-${id}-`;

/** Name of a place's network namespace, as `ip netns list` shows it. */
export function netnsName(id: LabId, place: Place): string {
  return netnsPrefix(id) + fit(localName(place));
}

function localName(place: Place): string {
  if (place.kind === 'pod' && !place.hostNetwork) return `pod-${place.namespace}.${place.name}`;
  return 'node' in place ? `node-${place.node}` : place.kind;
}

/** Name of the lab's cgroup, under the root of cgroup v2. */
export const cgroupRoot = (id: LabId): string => `myelin-lab-${id}`;

/** Cgroup of a place's processes, relative to the root of cgroup v2. A node's pods are below the node. */
export function cgroupName(id: LabId, place: Place): string {
  const root = cgroupRoot(id);
  if (place.kind === 'pod') return `${root}/nodes/${fit(place.node)}/pods/${fit(`${place.namespace}.${place.name}`)}`;
  return place.kind === 'node' ? `${root}/nodes/${fit(place.node)}/host` : `${root}/${place.kind}`;
}

/** How people and probes call a place. */
export function placeName(place: Place): string {
  return place.kind === 'pod' ? `${place.namespace}/${place.name}` : place.kind === 'node' ? `node:${place.node}` : place.kind;
}

/** Eight hex digits that stand for a place in the names of sockets, which end at 107 bytes. */
export function placeKey(place: Place): string {
  return createHash('sha256').update(placeName(place)).digest('hex').slice(0, 8);
}

/** Names of a service's replicas: the first bears the service's own. */
export const replicaNames = (service: string, replicas: number): readonly string[] =>
  Array.from({ length: replicas }, (_, index) => (index === 0 ? service : `${service}-${index + 1}`));
