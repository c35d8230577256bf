import { type Address, contains, prefix } from '@myelin/address';

// What Kubernetes' API server keeps out of endpoints, and we out of ClusterIPs, too: on each machine such an address is somebody else.
const special = [
  [prefix('0.0.0.0/32'), 'unspecified'],
  [prefix('::/128'), 'unspecified'],
  [prefix('127.0.0.0/8'), 'loopback'],
  [prefix('::1/128'), 'loopback'],
  [prefix('169.254.0.0/16'), 'link-local'],
  [prefix('fe80::/10'), 'link-local'],
  [prefix('224.0.0.0/4'), 'multicast'],
  [prefix('ff00::/8'), 'multicast'],
  [prefix('255.255.255.255/32'), 'broadcast'],
] as const;

/** What is special about an address that neither a Service nor an endpoint can have; null: nothing. */
export function specialAddress(address: Address): string | null {
  return special.find(([range]) => contains(range, address))?.[1] ?? null;
}
