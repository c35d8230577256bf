import { address, formatAddress, prefix } from '@myelin/address';
import type { EndpointAddress, Identity } from '@myelin/contracts/identity';
import { RedisLink, RowTable, Store } from '@myelin/outbox';
import { Lifecycle, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, startRedis } from '@myelin/service/testing';
import { NatsLink, streamKinds } from '@myelin/state-stream';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { preferredNumbers } from '../domain/label-set.ts';
import { blockCommands } from '../testing/allocator.ts';
import { type CallerSession, Registry } from './registry.ts';

// Random calls of two nodes against a plain model of what they mean: outcome by outcome, row by row.

type Command =
  | { readonly type: 'register'; readonly node: number }
  | {
      readonly type: 'allocate';
      readonly node: number;
      readonly uid: string;
      readonly app: number;
      readonly hosts: readonly number[];
      readonly stale: Stale;
    }
  | { readonly type: 'move'; readonly node: number; readonly uid: string; readonly app: number; readonly stale: Stale }
  /** `keep`: an app's number, or everything goes. */
  | { readonly type: 'release'; readonly node: number; readonly uid: string; readonly keep: number | null; readonly stale: Stale };
type Stale = 'current' | 'old registration' | 'old counter';

const node = fc.integer({ min: 0, max: 1 });
const uid = fc.constantFrom('a', 'b', 'c');
const stale = fc.oneof(
  { weight: 8, arbitrary: fc.constant('current' as const) },
  fc.constantFrom('old registration' as const, 'old counter' as const),
);
const app = fc.integer({ min: 0, max: 2 });
// Host 9 lies in no block of the node.
const hosts = fc.uniqueArray(fc.constantFrom(1, 2, 3, 4, 9), { maxLength: 3 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ type: fc.constant('register' as const), node }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('allocate' as const), node, uid, app, hosts, stale }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('move' as const), node, uid, app, stale }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('release' as const), node, uid, keep: fc.option(app), stale }) },
);

interface Endpoint {
  /** Whose numbers it has; the first is what its addresses are published under. */
  apps: number[];
  hosts: readonly number[];
  registration: bigint;
}
interface ModelNode {
  registration: bigint;
  counter: bigint;
  endpoints: Map<string, Endpoint>;
}

const textOf = (of: number, host: number) => (host === 9 ? '10.9.9.9' : `10.244.${of}.${host}`);
const labelsOf = (app: number) => [`k8s:app=${app}`];

/** What an allocation must come to; changes the model where it is carried out. */
function allocateInModel(model: ModelNode, { uid: own, app, hosts: wanted }: Command & { type: 'allocate' }): 'ok' | 'outside' | 'taken' {
  const gone: string[] = [];
  for (const host of wanted) {
    if (host === 9) return 'outside';
    for (const [other, endpoint] of model.endpoints) {
      if (other === own || !endpoint.hosts.includes(host)) continue;
      if (endpoint.registration >= model.registration) return 'taken';
      gone.push(other);
    }
  }
  for (const other of gone) model.endpoints.delete(other);
  const apps = model.endpoints.get(own)?.apps ?? [];
  model.endpoints.set(own, { apps: apps.includes(app) ? apps : [...apps, app], hosts: wanted, registration: model.registration });
  return 'ok';
}

function moveInModel(model: ModelNode, { uid: own, app }: Command & { type: 'move' }): 'ok' | 'unheld' {
  const endpoint = model.endpoints.get(own);
  if (!endpoint?.apps.includes(app)) return 'unheld';
  endpoint.apps = [app, ...endpoint.apps.filter((other) => other !== app)];
  endpoint.registration = model.registration;
  return 'ok';
}

function releaseInModel(model: ModelNode, { uid: own, keep }: Command & { type: 'release' }): 'ok' | 'unheld' {
  const endpoint = model.endpoints.get(own);
  if (keep === null) model.endpoints.delete(own);
  else if (endpoint?.apps[0] !== keep) return 'unheld';
  else endpoint.apps = [keep];
  return 'ok';
}

let redis: ChildServer;
let link: RedisLink;
let registry: Registry;
let lifecycle: Lifecycle;
let incarnation: bigint;
let identities: RowTable<Identity>;
let endpoints: RowTable<EndpointAddress>;
beforeAll(async () => {
  redis = await startRedis();
  const common = { log: silentLog, readiness: new Readiness() };
  link = new RedisLink({ url: redis.url, ...common });
  // Redis has an incarnation at once, so NATS is never asked.
  const nats = new NatsLink({ url: 'nats://127.0.0.1:1', name: 'test', security: 'insecure', ...common });
  const store = new Store({ redis: link, nats, recovery: null, ...common });
  lifecycle = new Lifecycle([link, store], { log: silentLog, stopDeadlineMs: 5000 });
  await lifecycle.start();
  incarnation = await store.incarnation(AbortSignal.timeout(30_000));
  registry = new Registry(store, { leaseMs: 15_000, quarantineMs: 600_000 });
  identities = new RowTable(streamKinds.identities, store);
  endpoints = new RowTable(streamKinds.endpoints, store);
});
afterAll(async () => {
  await lifecycle.stop();
  await redis.stop();
});

async function begin(): Promise<ModelNode[]> {
  await link.run(async (client) => {
    await client.flushall();
    await client.set('myelin:incarnation', `${incarnation}`);
    for (const of of [0, 1])
      for (const [name, ...args] of blockCommands(`n${of}`, [`10.244.${of}.0/24`])) await client.call(name!, ...args);
  });
  return Promise.all([0, 1].map(async (of) => ({ registration: await register(of), counter: 0n, endpoints: new Map<string, Endpoint>() })));
}

async function register(of: number): Promise<bigint> {
  const result = await registry.register({ name: `n${of}`, uid: 'u' }, [], [prefix(`10.244.${of}.0/24`)]);
  if (result.outcome !== 'ok') throw new Error(result.outcome);
  return result.registration;
}

async function carryOut(command: Command, model: ModelNode): Promise<void> {
  if (command.type === 'register') {
    const registration = await register(command.node);
    expect(registration).toBeGreaterThan(model.registration);
    Object.assign(model, { registration, counter: 0n });
    return;
  }
  if (command.stale === 'current') model.counter++;
  const registration = command.stale === 'old registration' ? model.registration - 1n : model.registration;
  const counter = command.stale === 'old counter' ? model.counter - 1n : model.counter;
  const isRefused = command.stale === 'old registration' || (command.stale === 'old counter' && model.counter > 0n);
  const session = { node: `n${command.node}`, registration, counter: counter < 0n ? 0n : counter };
  const outcome = await call(command, session);
  const expected = isRefused ? 'outdated' : inModel(model, command);
  expect(outcome).toBe(expected);
  // A call that was refused for another reason than its session has not been noted.
  if (!isRefused && expected !== 'ok' && command.stale === 'current') model.counter--;
}

type Call = Exclude<Command, { type: 'register' }>;

function inModel(model: ModelNode, command: Call): string {
  if (command.type === 'allocate') return allocateInModel(model, command);
  return command.type === 'move' ? moveInModel(model, command) : releaseInModel(model, command);
}

async function call(command: Call, session: CallerSession): Promise<string> {
  const { uid: own } = command;
  if (command.type === 'release') return (await registry.release(session, own, await numberOf(command.keep))).outcome;
  if (command.type === 'move') return (await registry.moveAddresses(session, own, await numberOf(command.app))).outcome;
  const labels = labelsOf(command.app);
  const addresses = command.hosts.map((host) => address(textOf(command.node, host)));
  const claim = { uid: own, namespace: 'ns', name: own, labels, addresses, preferred: preferredNumbers(labels) };
  return (await registry.allocate(session, claim)).outcome;
}

/** The number that an app has; one that nobody has where it has none. */
async function numberOf(of: number | null): Promise<number> {
  if (of === null) return 0;
  const number = await link.run((client) => client.hget('myelin:identity:sets', JSON.stringify(labelsOf(of))));
  return Number(number ?? 65535);
}

async function compare(models: readonly ModelNode[]): Promise<void> {
  const all = models.flatMap((model, of) => [...model.endpoints].map(([own, endpoint]) => ({ of, own, ...endpoint })));
  const numbers = new Map((await identities.list()).rows.map(({ row }) => [row.labels.join(), row.number]));
  expect([...numbers.keys()].sort()).toEqual([...new Set(all.flatMap(({ apps }) => apps.map((held) => labelsOf(held).join())))].sort());
  expect(new Set(numbers.values()).size).toBe(numbers.size);
  // The index by label set says the same: a stale entry would give a number to two sets one day.
  const index = await link.run((client) => client.hgetall('myelin:identity:sets'));
  expect(Object.entries(index).map(([labels, number]) => [JSON.parse(labels).join(), Number(number)])).toEqual(
    expect.arrayContaining([...numbers]),
  );
  expect(Object.keys(index)).toHaveLength(numbers.size);
  const rows = (await endpoints.list()).rows.map(({ row }) => `${row.address} ${row.node}/${row.endpointUid} ${row.identity}`);
  const expected = all.flatMap(({ of, own, apps, hosts: held }) =>
    held.map((host) => `${formatAddress(address(textOf(of, host)))} n${of}/${own} ${numbers.get(labelsOf(apps[0]!).join())}`),
  );
  expect(rows.sort()).toEqual(expected.sort());
}

it('whatever nodes call in whatever order: one number a label set, one owner an address, nothing left behind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 25 }), async (commands) => {
      const models = await begin();
      for (const next of commands) {
        await carryOut(next, models[next.node]!);
        await compare(models);
      }
    }),
    { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 3000 : 100 },
  );
});
