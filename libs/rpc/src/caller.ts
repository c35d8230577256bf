import type { PeerCertificate } from 'node:tls';
import { peerNameIn, type Security } from '@myelin/credentials';
import type { Caller } from './access.ts';

/** A call, as far as it says who calls. `getPeer`: the transport address; "unknown" for a unix socket, which has none. */
interface Call {
  getPeer(): string;
  getAuthContext(): { readonly transportSecurityType?: string; readonly sslPeerCertificate?: PeerCertificate };
}

/** Who calls a server with this security on TCP. A name of another trust domain than the server's own is none. */
export function callerOf(call: Call, security: Security | undefined): Caller {
  if (call.getPeer() === 'unknown') return { by: 'local' };
  if (security === 'insecure') return { by: 'local' };
  const { transportSecurityType, sslPeerCertificate } = call.getAuthContext();
  const name = transportSecurityType === 'ssl' ? peerNameIn(sslPeerCertificate?.subjectaltname) : null;
  if (name === null || name.trustDomain !== security?.current.name.trustDomain) return { by: 'nothing' };
  return { by: 'certificate', name };
}
