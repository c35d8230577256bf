import type { PeerName, Security } from '@myelin/credentials';
import type { ConnectionOptions } from '@nats-io/transport-node';

/** What a certificate's owner is at NATS. */
export interface NatsRole {
  /** Its user there: a service's own name, `node` for all nodes. It stands in the certificate as its DNS name, which nats-server maps to users (`verify_and_map`). */
  readonly user: string;
  /** Where answers to its requests go: nobody else may listen there. */
  readonly inboxPrefix: string;
}

/** The role of a peer. Nodes have one between them: they may do the same, and one more needs no word to NATS. */
export function natsRole({ kind, name }: Pick<PeerName, 'kind' | 'name'>): NatsRole {
  const user = kind === 'node' ? 'node' : name;
  return { user, inboxPrefix: `_INBOX.${user}` };
}

/** How a client proves itself to NATS, and what it wants proven. Certificates are taken anew at each connection. */
export function proofFor(security: Security): Pick<ConnectionOptions, 'tls' | 'inboxPrefix'> {
  if (security === 'insecure') return {};
  // Read by the client at each connection, and handed on to tls.connect with all else that stands here. With `tls` given it refuses a server that offers none.
  const tls = {
    get ca() {
      return security.current.ca.toString();
    },
    get cert() {
      return security.current.cert.toString();
    },
    get key() {
      return security.current.key.toString();
    },
    // An address has no place there (RFC 6066).
    servername: 'nats',
    checkServerIdentity: security.serverCheck('nats'),
  };
  return { tls, inboxPrefix: natsRole(security.current.name).inboxPrefix };
}
