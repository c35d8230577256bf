import { eventually } from '@myelin/service/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startAllocator, type TestedAllocator } from './testing/allocator.ts';
import { db, TestedCluster, web } from './testing/cluster.ts';

// C6: what nodes report at one replica is seen by whoever waits at the other. Two replicas wait longer than any test takes; the hasty one waits 300 ms, and gives leases of three seconds.

let cluster: TestedCluster;
let here: TestedAllocator;
let there: TestedAllocator;
let hasty: TestedAllocator;
beforeAll(async () => {
  cluster = await TestedCluster.start();
  const patience = ['--applied-within-ms', '60000', '--lease-ms', '60000'];
  [here, there, hasty] = await Promise.all([
    cluster.startAllocator(...patience),
    cluster.startAllocator(...patience),
    cluster.startAllocator('--applied-within-ms', '300', '--lease-ms', '3000'),
  ]);
});
afterAll(() => cluster.stop());

type TestedNode = Awaited<ReturnType<TestedCluster['startNode']>>;

const begun: string[] = [];
afterEach(async () => {
  for (const name of begun.splice(0)) await here.client.removeNode({ name });
});

/** Another label set for each test, and nodes that have applied all that there was before, and are taken away after it. */
async function begin(at: TestedAllocator, ...numbers: readonly number[]): Promise<readonly TestedNode[]> {
  const nodes: TestedNode[] = [];
  for (const number of numbers) {
    begun.push(`n${number}`);
    nodes.push(await cluster.startNode(at, number));
  }
  const { revision } = await here.client.list({ labels: [] });
  for (const node of nodes) await node.report(at.client, revision!);
  return nodes;
}

describe('a new identity', () => {
  it('is waited for until all other live nodes have reported it, at whichever replica', async () => {
    const [a, b, c] = await begin(here, 1, 2, 3);
    const { identityRevision: revision, identityApplied } = await a!.allocate('a', web, ['10.244.1.5']);
    expect(identityApplied).toBe(false);
    let late: readonly string[] | null = null;
    const waiting = here.client.awaitApplied({ node: 'n1', identityRevision: revision, endpointRevision: undefined }).then((answer) => {
      late = answer.late;
    });
    await b!.report(there.client, revision!);
    await eventually(async () => cluster.redisCli('hget', 'myelin:identity:reports', 'n2').includes(` ${revision!.counter} `));
    expect(late).toBeNull();
    await c!.report(there.client, revision!);
    await waiting;
    expect(late).toEqual([]);
    // There is nothing to wait for any more, and Allocate says so.
    expect((await a!.allocate('b', web, ['10.244.1.6'])).identityApplied).toBe(true);
  });

  it('is waited for no longer than that; who was late is named once, until it has reported', async () => {
    const [a, b] = await begin(here, 4, 5);
    const wait = async ({ client }: TestedAllocator, revision: typeof first) => {
      const { late } = await client.awaitApplied({ node: 'n4', identityRevision: revision, endpointRevision: undefined });
      return late.filter((name) => name === 'n5');
    };
    const { identityRevision: first } = await a!.allocate('a', db, ['10.244.4.5']);
    expect(await wait(hasty, first)).toEqual(['n5']);
    await eventually(async () => (await wait(there, first)).length === 0);
    const { identityRevision: second } = await a!.allocate('b', [...db, 'k8s:z=1'], ['10.244.4.6']);
    expect(await wait(there, second)).toEqual([]);
    await b!.report(here.client, second!);
    const { identityRevision: third } = await a!.allocate('c', [...db, 'k8s:z=2'], ['10.244.4.7']);
    await eventually(async () => (await wait(hasty, third)).length === 1);
  });

  it('is not waited for on a node whose lease is over', async () => {
    const [a] = await begin(hasty, 6, 7);
    const { identityRevision } = await a!.allocate('a', [...web, 'k8s:z=3'], ['10.244.6.5']);
    await eventually(async () => {
      await a!.report(here.client, identityRevision!);
      return (await a!.allocate('b', [...web, 'k8s:z=3'], ['10.244.6.6'])).identityApplied;
    });
    expect((await here.client.awaitApplied({ node: 'n6', identityRevision, endpointRevision: undefined })).late).toEqual([]);
  });
});

it('a report of an earlier registration is refused (C1), and one of the present one goes on from nothing', async () => {
  const [a] = await begin(here, 8);
  const before = await a!.session();
  await a!.register();
  const revision = { incarnation: 1n, counter: 9n };
  const stale = here.client.reportApplied({
    node: 'n8',
    session: before,
    identityRevision: revision,
    endpointRevision: undefined,
    nodeRevision: undefined,
  });
  await expect(stale).rejects.toMatchObject({ code: 'aborted' });
  expect(cluster.redisCli('hget', 'myelin:identity:reports', 'n8')).toMatch(/^\d+ \d+( 0 0){5}$/);
});

it('all of it is forgotten by no replica that starts later or loses Redis', async () => {
  const [a, b] = await begin(here, 9, 10);
  const { identityRevision } = await a!.allocate('a', [...web, 'k8s:z=4'], ['10.244.9.5']);
  await b!.report(here.client, identityRevision!);
  const third = await cluster.startAllocator('--applied-within-ms', '60000', '--lease-ms', '60000');
  await eventually(async () => {
    for (const node of [a, b]) await node!.report(here.client, identityRevision!);
    return (await third.client.allocate(a!.request('b', [...web, 'k8s:z=4'], ['10.244.9.6']))).identityApplied;
  });
  cluster.redisCli('client', 'kill', 'type', 'pubsub');
  const { identityRevision: next } = await a!.allocate('c', [...web, 'k8s:z=5'], ['10.244.9.7']);
  const waiting = eventually(
    async () => (await third.client.awaitApplied({ node: 'n9', identityRevision: next, endpointRevision: undefined })).late,
  );
  await b!.report(here.client, next!);
  expect(await waiting).toEqual([]);
});

describe('a node that is not heard of', () => {
  it('has no session any more when its lease is over: it registers anew, and goes on with what it had (C1)', async () => {
    const [a] = await begin(hasty, 11);
    await a!.allocate('a', web, ['10.244.11.5']);
    const late = await eventually(() =>
      a!.allocate('b', web, ['10.244.11.6']).then(
        () => Promise.reject(new Error('its lease is not over yet')),
        (error) => error,
      ),
    );
    expect(late).toMatchObject({ code: 'aborted', message: expect.stringContaining('RegisterNode') });
    await expect(a!.report(here.client, { incarnation: 1n, counter: 1n })).rejects.toMatchObject({ code: 'aborted' });
    expect((await here.client.whoIs({ address: '10.244.11.5' })).node).toBe('n11');
    expect((await a!.register()).continued).toBe(true);
    await a!.allocate('b', web, ['10.244.11.6']);
  });

  it('for long is taken away with all that it had: its numbers go into quarantine, and it is not waited for (C1)', async () => {
    const forgetful = await cluster.startAllocator('--lease-ms', '3000', '--forget-after-ms', '300');
    const node = await cluster.startNode(forgetful, 12);
    const labels = [...web, 'k8s:z=12'];
    const { identity } = await node.allocate('a', labels, ['10.244.12.5']);
    await eventually(async () => cluster.redisCli('hexists', 'myelin:identity:reports', 'n12') === '0', 30_000);
    expect((await here.client.whoIs({ address: '10.244.12.5' })).node).toBe('');
    expect((await here.client.whoIs({ address: '192.168.0.12' })).node).toBe('');
    await expect(here.client.get({ number: identity })).rejects.toMatchObject({ code: 'not_found' });
    expect(cluster.redisCli('get', 'myelin:identity:departed')).not.toBe('');
    // What comes back gets its number again, and has to claim it.
    expect((await node.register()).continued).toBe(false);
    expect((await here.client.allocate({ ...node.request('a', labels, ['10.244.12.5']), claimed: identity })).identity).toBe(identity);
  });
});

it('an outage of the control plane, longer than nodes are remembered without a lease, takes none away (D6)', async () => {
  const alone = await TestedCluster.start();
  try {
    const before = await startAllocator(alone.redis, alone.nats, []);
    const node = await alone.startNode(before, 14);
    await node.allocate('a', web, ['10.244.14.5']);
    await before.stop();
    // An hour, as the lease's end says it.
    const [registration, , ...applied] = alone.redisCli('hget', 'myelin:identity:reports', 'n14').split(' ');
    alone.redisCli('hset', 'myelin:identity:reports', 'n14', [registration, Date.now() - 3_600_000, ...applied].join(' '));
    const after = await alone.startAllocator('--lease-ms', '3000', '--forget-after-ms', '60000');
    await eventually(async () => (await after.client.whoIs({ address: '10.244.14.5' })).node === 'n14');
    // As its agent would: it has been heard again.
    const again = { name: 'n14', uid: 'uid-n14', addresses: ['192.168.0.14'], podCidrs: ['10.244.14.0/24'] };
    expect((await after.client.registerNode(again)).continued).toBe(true);
  } finally {
    await alone.stop();
  }
});

it('a node that is gone for good is taken away at once, and may be taken away twice', async () => {
  const [a] = await begin(here, 13);
  const { identity } = await a!.allocate('a', [...web, 'k8s:z=13'], ['10.244.13.5']);
  const first = await here.client.removeNode({ name: 'n13' });
  expect(await there.client.removeNode({ name: 'n13' })).toEqual(first);
  await expect(here.client.get({ number: identity })).rejects.toMatchObject({ code: 'not_found' });
  await expect(a!.allocate('b', web, ['10.244.13.6'])).rejects.toMatchObject({ code: 'aborted' });
});
