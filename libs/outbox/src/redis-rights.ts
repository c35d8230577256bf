/** Keys of a service, as patterns of Redis' access lists; `reads`: those of others that its scripts look at; `channels`: by which its replicas tell each other. */
interface Keys {
  readonly own: readonly string[];
  readonly reads: readonly string[];
  readonly channels: readonly string[];
}

/** Which incarnation holds is everybody's to see, and to open where there is none; and which services' rows are not back yet. */
const common = ['myelin:incarnation', 'myelin:life', 'myelin:recovering', 'myelin:accepted'];

/** Every user, and its keys (the table of keys is in the README). */
const keys: Readonly<Record<string, Keys>> = {
  'identity-allocator': {
    own: ['myelin:identity:*', 'myelin:stream:identities:*', 'myelin:stream:endpoints:*', 'myelin:stream:nodes:*'],
    reads: ['myelin:ipam:*'],
    channels: ['myelin:identity:*'],
  },
  'policy-compiler': { own: ['myelin:stream:policies:*'], reads: [], channels: [] },
  'lb-controller': { own: ['myelin:stream:services:*'], reads: [], channels: [] },
  ipam: { own: ['myelin:ipam:*'], reads: [], channels: [] },
};

/** Scripts, what they call, and what a client asks at its beginning. Nothing that shows or changes more than keys. */
const commands = ['-@all', '+@read +@write +@stream +@connection +eval +evalsha +time', '-@dangerous -@admin', '+info +config|get'];

/** Names of the services that have a user in Redis. */
export const redisUsers: readonly string[] = Object.keys(keys);

/**
 * Redis' access list (`aclfile`): a user for each service, who touches its own keys only, and `default`, who may do all. Whoever gives no password may do nothing.
 * `default` can't be less: as that user Redis 7.0 reads its append-only file, and leaves out what the user may not do. `passwordHash(user)`: SHA-256 of its password, hex.
 */
export function redisAccessList(passwordHash: (user: string) => string): string {
  const services = Object.entries(keys).map(([user, { own, reads, channels }]) => {
    const patterns = [...[...common, ...own].map((key) => `~${key}`), ...reads.map((key) => `%R~${key}`)];
    const heard = ['resetchannels', ...channels.map((channel) => `&${channel}`)];
    const words = channels.length === 0 ? commands : [...commands, '+publish +subscribe +unsubscribe'];
    return `user ${user} on #${passwordHash(user)} ${patterns.join(' ')} ${heard.join(' ')} ${words.join(' ')}`;
  });
  return [`user default on #${passwordHash('default')} ~* &* +@all`, ...services, ''].join('\n');
}
