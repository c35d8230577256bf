import type { PeerName } from '@myelin/credentials';

/** What somebody is at NATS. */
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

/** Subjects that a user may write to, and listen to beside its own inbox. */
interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const api = '$JS.API';
/** Which streams there are. */
const look = [`${api}.INFO`, `${api}.STREAM.NAMES`];
/** To read streams through consumers of its own, and to hear of new ones. */
const reader: Rights = {
  publish: [
    ...look,
    `${api}.STREAM.INFO.*`,
    `${api}.STREAM.MSG.GET.*`,
    `${api}.CONSUMER.CREATE.*.*.>`,
    `${api}.CONSUMER.INFO.*.*`,
    `${api}.CONSUMER.MSG.NEXT.*.*`,
    `${api}.CONSUMER.DELETE.*.*`,
  ],
  subscribe: ['$JS.EVENT.ADVISORY.STREAM.CREATED.*'],
};
/** To make buckets, write rows, purge tombstones and remove buckets that are done with, too. A bucket's name is one token of its subject, so that rights can't tell kinds apart. */
const publisher: Rights = {
  publish: [...reader.publish, '$KV.*.>', `${api}.STREAM.CREATE.*`, `${api}.STREAM.PURGE.*`, `${api}.STREAM.DELETE.*`],
  subscribe: reader.subscribe,
};

/** Every user and what it may do; who isn't here may not even connect. */
const rights: Readonly<Record<string, Rights>> = {
  'identity-allocator': publisher,
  'policy-compiler': publisher,
  // Asks for the greatest incarnation, once.
  ipam: { publish: look, subscribe: [] },
  node: reader,
};

/** The account of all users with their rights, as nats-server's configuration wants it. Nobody comes in without a user, or is more than one. */
export function natsAccount(): string {
  const users = Object.keys(rights).map((user) => {
    const { publish, subscribe } = rights[user]!;
    const list = (subjects: readonly string[]) => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;
    const own = `_INBOX.${user}.>`;
    return `    { user: ${JSON.stringify(user)}, permissions: { publish: { allow: ${list(publish)} }, subscribe: { allow: ${list([own, ...subscribe])} } } }`;
  });
  return `accounts {\n  MYELIN: {\n    jetstream: enabled\n    users: [\n${users.join('\n')}\n    ]\n  }\n}\n`;
}
