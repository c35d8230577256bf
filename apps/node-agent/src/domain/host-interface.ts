import { createHash } from 'node:crypto';

function digest(uid: string): string {
  return createHash('sha256').update(uid).digest('hex');
}

/** Name of the node's side of an endpoint's veth pair: the same for the same UID, for ever; 12 characters of the kernel's 15. */
export function hostInterfaceName(uid: string): string {
  return `my${digest(uid).slice(0, 10)}`;
}

/** Hardware addresses of both ends, locally administered, the same for the same UID: an adopted pod keeps its neighbours. */
export function hardwareAddresses(uid: string): { readonly pod: string; readonly node: string } {
  const bytes = digest(uid).slice(10, 18).match(/../g)!;
  // The second byte tells the ends apart, so that they never coincide.
  return { pod: ['02', '50', ...bytes].join(':'), node: ['02', '4e', ...bytes].join(':') };
}
