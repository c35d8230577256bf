import type { Security } from '@myelin/credentials';
import type { ConnectionOptions } from '@nats-io/transport-node';
import { type NatsRole, natsRole } from './nats-rights.ts';

/** What somebody with this security is at NATS; null where NATS doesn't ask. */
export const roleOf = (security: Security): NatsRole | null => (security === 'insecure' ? null : natsRole(security.current.name));

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
