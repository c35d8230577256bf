import { isIP } from 'node:net';
import { Client, type ClientOptions } from '@grpc/grpc-js';
import type { Security } from '@myelin/credentials';
import { formatHostPort, parseHostPort } from '@myelin/service';
import { channelCredentials } from './credentials.ts';

/** Reads `host:port[,host:port…]` or `unix:/path` into gRPC's target. Null for anything else, or for addresses of mixed kinds. */
export function parseTarget(text: string): string | null {
  if (/^unix:\/./.test(text)) return text;
  const peers = text.split(',').map((part) => parseHostPort(part.trim()));
  if (peers.some((peer) => peer === null || peer.host === '' || peer.port === 0)) return null;
  const kinds = new Set(peers.map((peer) => isIP(peer!.host)));
  const [kind] = kinds;
  if (kinds.size !== 1 || (kind === 0 && peers.length > 1)) return null;
  const scheme = kind === 0 ? 'dns' : `ipv${kind}`;
  return `${scheme}:${peers.map((peer) => formatHostPort(peer!)).join(',')}`;
}

const channelOptions: ClientOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  'grpc.max_send_message_length': 32 * 1024 * 1024,
  // Channels to one address must not share a subchannel's backoff with another service's.
  'grpc.use_local_subchannel_pool': 1,
};

/** Found by experiment (platform.md): with one of two replicas stopped, calls move on within 1.5 s and streams notice. */
const replicaOptions: ClientOptions = { ...channelOptions, 'grpc.keepalive_time_ms': 1000, 'grpc.keepalive_timeout_ms': 500 };

/** Behind a unix socket is one process: there is no other to move on to, and the kernel tells when it dies. Signs of life would only have a busy one given up. */
const optionsFor = (name: string, target: string): ClientOptions =>
  // The name that TLS is told: an address has no place there (RFC 6066).
  target.startsWith('unix:') ? channelOptions : { ...replicaOptions, 'grpc.ssl_target_name_override': name };

/** A connection to all replicas of one service. Opens on the first call; close it when done. */
export class Channel {
  /** For messages: "identity-allocator at 10.0.0.1:7001". */
  readonly peer: string;
  readonly client: Client;

  /**
   * `name` of the service that is called, which its certificate must bear; `target` as `parseTarget` gives it. `security`: needed for TCP alone. Throws `invalid_argument`
   * where it is missing.
   */
  constructor(name: string, target: string, security?: Security) {
    this.peer = `${name} at ${target.replace(/^(ipv[46]|dns):/, '')}`;
    this.client = new Client(target, channelCredentials(security, name, target), optionsFor(name, target));
  }

  close(): void {
    this.client.close();
  }
}
