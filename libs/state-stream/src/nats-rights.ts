import type { PeerName } from '@myelin/credentials';
import type { streamKinds } from './kind.ts';

/** An account of NATS: subjects and streams of its own. One for each publisher: nobody else's words can get into its buckets. */
type Account = 'identity' | 'policy' | 'service';

/** Where a kind's buckets are. */
const accountOfKind: Readonly<Record<keyof typeof streamKinds, Account>> = {
  identities: 'identity',
  endpoints: 'identity',
  nodes: 'identity',
  policies: 'policy',
  services: 'service',
};

const api = '$JS.API';
const events = '$JS.EVENT.ADVISORY.STREAM.CREATED';

/** Calls of JetStream, as patterns behind its prefix. */
const look = ['INFO', 'STREAM.NAMES'];
const next = 'CONSUMER.MSG.NEXT.*.*';
/** Reading streams, through consumers of one's own. */
const read = [...look, 'STREAM.INFO.*', 'STREAM.MSG.GET.*', 'CONSUMER.CREATE.*.*.>', 'CONSUMER.INFO.*.*', next, 'CONSUMER.DELETE.*.*'];
/** Making buckets, purging tombstones, removing what is done with. */
const keep = ['STREAM.CREATE.*', 'STREAM.PURGE.*', 'STREAM.DELETE.*'];

/** What an account sees of another one. */
interface Sight {
  readonly of: Account;
  readonly calls: readonly string[];
  /** Hears of new streams there. */
  readonly hears: boolean;
}

/** Every account sees of every other one at least which incarnations there have been. */
const sights: Readonly<Record<Account, readonly Sight[]>> = {
  identity: [
    { of: 'policy', calls: look, hears: false },
    // For nodes: the Services that they balance.
    { of: 'service', calls: read, hears: true },
  ],
  policy: [
    // The identities that policies select.
    { of: 'identity', calls: read, hears: true },
    { of: 'service', calls: look, hears: false },
  ],
  service: [
    { of: 'identity', calls: look, hears: false },
    { of: 'policy', calls: look, hears: false },
  ],
};

/** A user: its account, what it may call there and through its account's sights of others, and whether it writes rows. */
interface User {
  readonly account: Account;
  readonly calls: readonly string[];
  readonly abroad: Readonly<Partial<Record<Account, readonly string[]>>>;
  readonly writes: boolean;
}

/** Every user; who isn't here may not even connect. */
const users: Readonly<Record<string, User>> = {
  'identity-allocator': { account: 'identity', calls: [...read, ...keep], abroad: { policy: look, service: look }, writes: true },
  'policy-compiler': { account: 'policy', calls: [...read, ...keep], abroad: { identity: read, service: look }, writes: true },
  'lb-controller': { account: 'service', calls: [...read, ...keep], abroad: { identity: look, policy: look }, writes: true },
  // Asks for the greatest incarnation, and reads the nodes' ranges, after a loss of Redis.
  ipam: { account: 'identity', calls: read, abroad: { policy: look, service: look }, writes: false },
  node: { account: 'identity', calls: read, abroad: { service: read }, writes: false },
};

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

/** The way to an account's streams. */
export interface NatsWay {
  /** Prefix of JetStream's calls. */
  readonly api: string;
  /** Subject of its word that a stream was made, up to the stream's name. */
  readonly created: string;
}

const atHome: NatsWay = { api, created: events };
const wayFrom = (home: Account | undefined, account: Account): NatsWay =>
  home === undefined || home === account ? atHome : { api: `${account}.API`, created: `${account}.${events}` };

/** How a role finds a kind's streams; null: at a server that has no accounts. */
export function wayToKind(role: NatsRole | null, kind: string): NatsWay {
  const home = role === null ? undefined : users[role.user]?.account;
  return wayFrom(home, accountOfKind[kind as keyof typeof accountOfKind] ?? home);
}

/** The ways to all streams that there are, of whatever kind. */
export function allWays(role: NatsRole | null): readonly NatsWay[] {
  const home = role === null ? undefined : users[role.user]?.account;
  return home === undefined ? [atHome] : [atHome, ...sights[home].map(({ of }) => wayFrom(home, of))];
}

/** All accounts with their users and rights, as nats-server's configuration wants them. Nobody comes in without a user, or is more than one. */
export function natsAccounts(): string {
  const accounts = (Object.keys(sights) as Account[]).map((account) => {
    const lists = { users: usersOf(account), exports: exportsOf(account), imports: importsOf(account) };
    const text = Object.entries(lists).map(([name, items]) => `    ${name}: [\n${items.map((item) => `      ${item}\n`).join('')}    ]\n`);
    return `  ${account}: {\n    jetstream: enabled\n${text.join('')}  }\n`;
  });
  return `accounts {\n${accounts.join('')}}\n`;
}

const quoted = (subjects: readonly string[]) => `[${subjects.map((subject) => `"${subject}"`).join(', ')}]`;

function usersOf(account: Account): readonly string[] {
  return Object.keys(users).flatMap((name) => {
    const { account: home, calls, abroad, writes } = users[name]!;
    if (home !== account) return [];
    const further = sights[account].map(({ of, hears }) => ({ way: wayFrom(account, of), hears, calls: abroad[of] ?? [] }));
    const publish = [
      ...calls.map((call) => `${api}.${call}`),
      ...further.flatMap(({ way, calls: those }) => those.map((call) => `${way.api}.${call}`)),
      ...(writes ? ['$KV.*.>'] : []),
    ];
    const subscribe = [
      `_INBOX.${name}.>`,
      ...(calls.includes(next) ? [`${events}.*`] : []),
      ...further.flatMap(({ way, hears, calls: those }) => (hears && those.includes(next) ? [`${way.created}.*`] : [])),
    ];
    return [`{ user: "${name}", permissions: { publish: { allow: ${quoted(publish)} }, subscribe: { allow: ${quoted(subscribe)} } } }`];
  });
}

/** What other accounts see of this one, each call once. No pattern that one account sees covers another one: nats-server 2.9 sends what two cover twice. */
function exportsOf(account: Account): readonly string[] {
  const seen = (Object.keys(sights) as Account[]).flatMap((by) =>
    sights[by].filter(({ of }) => of === account).map(({ calls, hears }) => ({ by, calls, hears })),
  );
  const services = [...new Set(seen.flatMap(({ calls }) => calls))].map((call) => {
    const by = seen.filter(({ calls }) => calls.includes(call)).map((one) => one.by);
    return `{ service: "${api}.${call}"${call === next ? ', response_type: stream' : ''}, accounts: [${by.join(', ')}] }`;
  });
  const hearers = seen.filter(({ hears }) => hears).map(({ by }) => by);
  return hearers.length === 0 ? services : [...services, `{ stream: "${events}.*", accounts: [${hearers.join(', ')}] }`];
}

function importsOf(account: Account): readonly string[] {
  return sights[account].flatMap(({ of, calls, hears }) => {
    const way = wayFrom(account, of);
    const services = calls.map((call) => `{ service: { account: ${of}, subject: "${api}.${call}" }, to: "${way.api}.${call}" }`);
    return hears ? [...services, `{ stream: { account: ${of}, subject: "${events}.*" }, prefix: "${of}" }`] : services;
  });
}
