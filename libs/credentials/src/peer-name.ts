/** Who a certificate is made out to. Written as a SPIFFE ID, `spiffe://<trust domain>/<kind>/<name>`, the certificate's only URI. */
export interface PeerName {
  readonly trustDomain: string;
  /** A service of the control plane (all its replicas, `nats` too), or the agent of a node. */
  readonly kind: 'service' | 'node';
  /** The service's name, or the node's. */
  readonly name: string;
}

const pattern = /^spiffe:\/\/([a-z0-9._-]{1,255})\/(service|node)\/([A-Za-z0-9._-]{1,255})$/;

/** `spiffe://<trust domain>/<kind>/<name>`. */
export function formatPeerName({ trustDomain, kind, name }: PeerName): string {
  return `spiffe://${trustDomain}/${kind}/${name}`;
}

/** Reads a SPIFFE ID; null for everything that is none of ours. */
export function parsePeerName(text: string): PeerName | null {
  const match = pattern.exec(text);
  return match === null ? null : { trustDomain: match[1]!, kind: match[2] as PeerName['kind'], name: match[3]! };
}

/** Whether a name can stand in a certificate. */
export const isNameable = (peer: PeerName): boolean => pattern.test(formatPeerName(peer));

/** Both are the same. */
export const isSamePeer = (a: PeerName, b: PeerName): boolean => formatPeerName(a) === formatPeerName(b);

/**
 * The name in a certificate, from the text that Node gives for its alternative names (`URI:spiffe://…, DNS:…`). Null where there is no URI of
 * ours, where there are two, or where a name needs quoting: such a text could be read in two ways, and none of ours needs it.
 */
export function peerNameIn(subjectAltName: string | undefined): PeerName | null {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return null;
  const uris = subjectAltName.split(', ').filter((entry) => entry.startsWith('URI:'));
  return uris.length === 1 ? parsePeerName(uris[0]!.slice('URI:'.length)) : null;
}
