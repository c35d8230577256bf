import { hash } from 'node:crypto';
import { type Family, formatAddress, nthAddress, type Prefix, sizeOf } from '@myelin/address';
import { compareText } from '@myelin/labels';
import type { ObjectName, Service } from './model.ts';
import { serviceKey } from './state.ts';

/*
 * ClusterIPs for Services that have none, as the API server gives them, for places without it (the lab).
 */

/** Where ClusterIPs come from; null: the cluster has no Services of that family. */
export interface ClusterIpRanges {
  readonly ipv4: Prefix | null;
  readonly ipv6: Prefix | null;
}

/** A Service that gets no address. */
export interface NoClusterIp {
  readonly service: ObjectName;
  /** Half a sentence. */
  readonly reason: string;
}

/** Addresses of a range that are ever given: as many as the API server keeps track of. */
const mostOfRange = 1n << 20n;

/** As upstream: the beginning of a range is left to those who choose addresses by hand, 16 at least and 256 at most. */
function reserved(size: bigint): bigint {
  const part = size / 16n;
  return part < 16n ? 16n : part > 256n ? 256n : part;
}

/** The first free address from where the Service's name points; null: there is none. */
function pick(key: string, range: Prefix, taken: ReadonlySet<string>): string | null {
  const whole = sizeOf(range);
  const size = whole < mostOfRange ? whole : mostOfRange;
  // The last address of an IPv4 range is a broadcast address to some.
  const [first, end] = [reserved(size), range.family === 4 ? size - 1n : size];
  if (end <= first) return null;
  const start = BigInt(`0x${hash('sha256', key).slice(0, 12)}`) % (end - first);
  for (let step = 0n; step < end - first; step++) {
    const address = formatAddress(nthAddress(range, first + ((start + step) % (end - first)))!);
    if (!taken.has(address)) return address;
  }
  return null;
}

/** The Service with its addresses, or why it gets none. */
function give(service: Service, ranges: ClusterIpRanges, taken: ReadonlySet<string>): Service | string {
  const rangeOf = (family: Family) => (family === 4 ? ranges.ipv4 : ranges.ipv6);
  const families = service.families.filter((family) => rangeOf(family) !== null);
  if (families.length === 0) return `there are no ClusterIPs of IPv${service.families.join(' and IPv')}`;
  if (service.requiresDualStack && families.length < 2)
    return `it requires both families, and there are ClusterIPs of IPv${families[0]} only`;
  const picked = families.map((family) => pick(serviceKey(service), rangeOf(family)!, taken));
  const missing = picked.indexOf(null);
  return missing >= 0 ? `no address of IPv${families[missing]} is left` : { ...service, clusterIps: picked as string[], families };
}

/**
 * Gives every Service that needs ClusterIPs and has none one of each of its families that there is a range for. Those that have some keep them, so an address once given (and written down) stays. Which
 * one a Service gets follows from its name and what is taken; of several new ones that point to the same address the first by name has it.
 */
export function giveClusterIps(
  services: readonly Service[],
  ranges: ClusterIpRanges,
): { readonly services: readonly Service[]; readonly without: readonly NoClusterIp[] } {
  const taken = new Set(services.flatMap(({ clusterIps }) => clusterIps));
  const given = new Map<Service, Service>();
  const without: NoClusterIp[] = [];
  const needy = services.filter(({ clusterIps, headless, type }) => clusterIps.length === 0 && !headless && type !== 'ExternalName');
  for (const service of needy.toSorted((a, b) => compareText(serviceKey(a), serviceKey(b)))) {
    const result = give(service, ranges, taken);
    if (typeof result === 'string') {
      without.push({ service: { namespace: service.namespace, name: service.name }, reason: result });
      continue;
    }
    for (const address of result.clusterIps) taken.add(address);
    given.set(service, result);
  }
  return { services: services.map((service) => given.get(service) ?? service), without };
}
