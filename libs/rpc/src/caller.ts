import type { PeerCertificate } from 'node:tls';
import { peerNameIn, type Security } from '@myelin/credentials';
import type { Caller } from './access.ts';

/** A call over TCP, as far as it says who calls. Nothing is known of it any more once its connection is gone. */
interface Call {
  getAuthContext(): { readonly transportSecurityType?: string; readonly sslPeerCertificate?: PeerCertificate };
}

/** Who calls a server over TCP that has this security. A name of another trust domain than the server's own is none; so is that of a caller who has hung up. */
export function callerOf(call: Call, security: Security | undefined): Caller {
  if (security === 'insecure') return { by: 'local' };
  const { transportSecurityType, sslPeerCertificate } = call.getAuthContext();
  const name = transportSecurityType === 'ssl' ? peerNameIn(sslPeerCertificate?.subjectaltname) : null;
  if (name === null || name.trustDomain !== security?.current.name.trustDomain) return { by: 'nothing' };
  return { by: 'certificate', name };
}
