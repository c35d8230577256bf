import { type ChannelCredentials, credentials, ServerCredentials } from '@grpc/grpc-js';

// The one place where transport security is chosen: mutual TLS beyond a unix socket comes with the next issue.

/** What a server proves itself with on an address. */
export function serverCredentials(): ServerCredentials {
  return ServerCredentials.createInsecure();
}

/** What a client proves itself with. */
export function channelCredentials(): ChannelCredentials {
  return credentials.createInsecure();
}
