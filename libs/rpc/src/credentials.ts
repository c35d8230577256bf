import { type ChannelCredentials, credentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import type { Credentials, Material, Security } from '@myelin/credentials';
import { MyelinError } from '@myelin/service';

// The one place where gRPC's transport security is chosen.

/** What a server proves itself with at a unix socket: nothing. The kernel lets only root open it. */
export const unixServerCredentials = (): ServerCredentials => ServerCredentials.createInsecure();

/** The same at a TCP address: nobody gets past the handshake without a certificate of the trusted authorities. Throws `invalid_argument` where nobody said what to prove oneself with. */
export function tcpServerCredentials(security: Security | undefined, address: string): ServerCredentials {
  if (security === 'insecure') return ServerCredentials.createInsecure();
  if (security === undefined) throw noSecurity(`listen on ${address}`);
  const provider = providerOf(security);
  return experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/** What a client proves itself with to the service `name`, which must prove that it is that service. Throws `invalid_argument` as above. */
export function channelCredentials(security: Security | undefined, name: string, target: string): ChannelCredentials {
  if (target.startsWith('unix:') || security === 'insecure') return credentials.createInsecure();
  if (security === undefined) throw noSecurity(`call ${name} at ${target}`);
  const provider = providerOf(security);
  return experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity: security.serverCheck(name),
  });
}

const noSecurity = (what: string) =>
  new MyelinError('invalid_argument', `can't ${what} without certificates: say "insecure" where that is meant`);

/** grpc-js' way to certificates that change: listeners that are told of the present ones, and of each new ones. */
function providerOf(source: Credentials): experimental.CertificateProvider {
  const stops = new Map<unknown, () => void>();
  const listen = <T>(listener: (update: T) => void, part: (material: Material) => T) => {
    stops.set(
      listener,
      source.onChange((material) => listener(part(material))),
    );
    process.nextTick(() => {
      if (stops.has(listener)) listener(part(source.current));
    });
  };
  const unlisten = (listener: unknown) => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  return {
    addCaCertificateListener: (listener) => listen(listener, ({ ca }) => ({ caCertificate: ca })),
    removeCaCertificateListener: unlisten,
    addIdentityCertificateListener: (listener) => listen(listener, ({ cert, key }) => ({ certificate: cert, privateKey: key })),
    removeIdentityCertificateListener: unlisten,
  };
}
