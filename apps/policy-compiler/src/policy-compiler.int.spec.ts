import type { Identity } from '@myelin/contracts/identity';
import { PolicyServiceService, type SubscribeRequest, type SubscribeResponse } from '@myelin/contracts/policy';
import type { Revision } from '@myelin/contracts/types';
import { RedisLink, Relay, RowTable, Store } from '@myelin/outbox';
import { decodeCompiledPolicy } from '@myelin/policy-wire';
import { Channel, clientOf, Mailbox, type RpcClient } from '@myelin/rpc';
import { Lifecycle, Metrics, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, eventually, freePort, startNats, startRedis } from '@myelin/service/testing';
import { NatsLink, streamKinds } from '@myelin/state-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wire } from './wiring.ts';

const zero = { incarnation: 0n, counter: 0n };
const podLabels = (app: string) => [
  `k8s:app=${app}`,
  'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop',
  'k8s:io.kubernetes.pod.namespace=shop',
];
const allowWeb = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'db', namespace: 'shop' },
  spec: {
    podSelector: { matchLabels: { app: 'db' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 5432 }] }],
  },
};

let redis: ChildServer;
let nats: ChildServer;
let identities: RowTable<Identity>;
let client: RpcClient<typeof PolicyServiceService>;
/** Revisions of what is there before the first test: `apply` and `change` answer when it is stored, the compiler reads it a little later. */
let applied: Revision;
let announced: Revision;
const cleanUp: (() => Promise<unknown> | unknown)[] = [];

/** Plays the identity allocator: writes rows into the same Redis and publishes them by the same relay. */
async function startIdentities(): Promise<RowTable<Identity>> {
  const readiness = new Readiness();
  const log = silentLog;
  const metrics = new Metrics('test');
  const redisLink = new RedisLink({ url: redis.url, log, readiness });
  const natsLink = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', log, readiness });
  const store = new Store({ redis: redisLink, nats: natsLink, recovery: null, log, readiness });
  const relay = new Relay({ kind: streamKinds.identities, redis: redisLink, store, nats: natsLink, log, meter: metrics.meter, readiness });
  const lifecycle = new Lifecycle([redisLink, natsLink, store, relay], { log, stopDeadlineMs: 2000 });
  await lifecycle.start(new AbortController().signal);
  cleanUp.push(
    () => metrics.close(),
    () => lifecycle.stop(),
  );
  await store.incarnation(AbortSignal.timeout(10_000));
  return new RowTable(streamKinds.identities, store);
}

async function startCompiler(): Promise<RpcClient<typeof PolicyServiceService>> {
  const port = await freePort();
  const context = { log: silentLog, metrics: new Metrics('test'), readiness: new Readiness() };
  const config = {
    listen: { host: '127.0.0.1', port },
    listenUnix: null,
    redis: redis.url,
    redisPasswordFile: null,
    nats: nats.url,
    ...{ tlsCa: null, tlsCert: null, tlsKey: null, insecure: true },
    metricsListen: { host: '127.0.0.1', port: 0 },
    metricsPrefix: 'myelin',
    logLevel: 'info' as const,
    stopDeadlineMs: 2000,
  };
  const lifecycle = new Lifecycle(wire(config, context), { log: silentLog, stopDeadlineMs: 2000 });
  await lifecycle.start(new AbortController().signal);
  const channel = new Channel('policy-compiler', `ipv4:127.0.0.1:${port}`, 'insecure');
  cleanUp.push(
    () => context.metrics.close(),
    () => lifecycle.stop(),
    () => channel.close(),
  );
  return clientOf(PolicyServiceService, channel);
}

/** A node's subscription: what it asks, and all that it has been told so far. */
function subscribe(first: Partial<SubscribeRequest>) {
  const requests = new Mailbox<SubscribeRequest>();
  const told: NonNullable<SubscribeResponse['message']>[] = [];
  const stop = new AbortController();
  const ask = (request: Partial<SubscribeRequest>) =>
    requests.push({ node: 'n1', subjects: [], policyRevision: zero, identityRevision: zero, held: {}, ...request });
  const reading = (async () => {
    for await (const { message } of client.subscribe(requests, { signal: stop.signal })) if (message !== undefined) told.push(message);
  })().catch(() => {});
  ask(first);
  cleanUp.push(async () => {
    stop.abort();
    await reading;
  });
  const policies = () => told.flatMap((message) => (message.$case === 'policy' ? [decodeCompiledPolicy(message.value)] : []));
  const bookmarks = () => told.flatMap((message) => (message.$case === 'bookmark' ? [message.value] : []));
  return { ask, policies, bookmarks };
}

beforeAll(async () => {
  [redis, nats] = await Promise.all([startRedis(), startNats()]);
  cleanUp.push(
    () => redis.stop(),
    () => nats.stop(),
  );
  identities = await startIdentities();
  client = await startCompiler();
  const { revision } = await identities.change(
    [
      { number: 300, labels: podLabels('db') },
      { number: 301, labels: podLabels('web') },
    ],
    [],
  );
  announced = revision;
  applied = (await eventually(() => client.apply({ documents: [JSON.stringify(allowWeb)] }))).revision!;
});
afterAll(async () => {
  for (const act of cleanUp.reverse()) await act();
});

describe('the policy compiler on real Redis and NATS', () => {
  it('streams the compiled policy of a subject, then a bookmark that includes every identity', async () => {
    const node = subscribe({ subjects: [300], policyRevision: applied, identityRevision: announced });
    const bookmark = await eventually(() => node.bookmarks().at(-1));
    expect(bookmark).toMatchObject({ complete: true, identitiesIncluded: [300, 301], request: 1 });
    const [policy] = node.policies();
    expect(policy?.ingress.isolated).toBe(true);
    expect(policy?.ingress.entries).toContainEqual(
      expect.objectContaining({
        peer: { kind: 'identity', identity: 301 },
        protocol: 'TCP',
        ports: { first: 5432, last: 5432 },
        verdict: 'allow',
      }),
    );
  });

  it('C6: an identity that appears is included only after the policy that names it', async () => {
    const node = subscribe({ subjects: [300] });
    await eventually(() => node.bookmarks().length > 0);
    await identities.change([{ number: 302, labels: [...podLabels('web'), 'k8s:tier=b'] }], []);
    await eventually(() => node.bookmarks().some(({ identitiesIncluded, complete }) => !complete && identitiesIncluded.includes(302)));
    expect(node.policies().at(-1)?.ingress.entries).toContainEqual(expect.objectContaining({ peer: { kind: 'identity', identity: 302 } }));
  });

  it('answers an apply with the revision that a later bookmark reaches', async () => {
    const node = subscribe({ subjects: [300] });
    await eventually(() => node.bookmarks().length > 0);
    const edited = structuredClone(allowWeb);
    edited.spec.ingress[0]!.ports[0]!.port = 5433;
    const { revision } = await client.apply({ documents: [JSON.stringify(edited)] });
    await eventually(() => node.bookmarks().some(({ policyRevision }) => policyRevision!.counter >= revision!.counter));
    expect(node.policies().at(-1)?.ingress.entries).toContainEqual(expect.objectContaining({ ports: { first: 5433, last: 5433 } }));
  });

  it('applies nothing when one of the documents is bad, and says what and where', async () => {
    const bad = { ...allowWeb, metadata: { name: 'bad', namespace: 'shop' }, spec: { podSelector: {}, ingres: [] } };
    const good = { ...allowWeb, metadata: { name: 'good', namespace: 'shop' } };
    await expect(client.apply({ documents: [JSON.stringify(good), JSON.stringify(bad)] })).rejects.toThrow(
      /document 2.*ingres.*did you mean "ingress"/s,
    );
    expect((await client.list({})).policies.map(({ reference }) => reference?.name)).toEqual(['db']);
  });

  it('keeps a policy’s UID when it is applied again, and its revision when nothing differs', async () => {
    const before = (await client.list({})).policies[0];
    const { revision } = await client.apply({ documents: [before!.document] });
    const after = (await client.list({})).policies[0];
    expect(after?.reference?.uid).toBe(before?.reference?.uid);
    expect(after?.revision).toEqual(before?.revision);
    expect(revision!.counter).toBe(before!.revision!.counter);
  });

  it('lists the identities that a policy selects', async () => {
    await eventually(async () => (await client.list({})).policies[0]?.subjects.length === 1);
    expect((await client.list({})).policies[0]?.subjects).toEqual([300]);
  });

  it('opens the subject again when its last policy is deleted, and says which policies there were', async () => {
    const node = subscribe({ subjects: [300] });
    await eventually(() => node.bookmarks().length > 0);
    const reference = { kind: 'NetworkPolicy', namespace: 'shop', name: 'db', uid: '' };
    const { deleted } = await client.delete({ policies: [reference, { ...reference, name: 'unknown' }] });
    expect(deleted.map(({ name }) => name)).toEqual(['db']);
    await eventually(() => node.policies().at(-1)?.ingress.isolated === false);
  });
});
