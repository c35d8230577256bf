import { eventually } from '@myelin/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestedAllocator } from './testing/allocator.ts';
import { db, TestedCluster, web } from './testing/cluster.ts';

// C6: what nodes report at one replica is seen by whoever waits at the other. Leases of a second, waits of 300 ms.

let cluster: TestedCluster;
let here: TestedAllocator;
let there: TestedAllocator;
beforeAll(async () => {
  cluster = await TestedCluster.start();
  const flags = ['--applied-within-ms', '300', '--lease-ms', '1500'];
  [here, there] = await Promise.all([cluster.startAllocator(...flags), cluster.startAllocator(...flags)]);
});
afterAll(() => cluster.stop());

type TestedNode = Awaited<ReturnType<TestedCluster['startNode']>>;

/** Another label set for each test, and nodes that have applied all that there was before. */
async function begin(...numbers: readonly number[]): Promise<readonly TestedNode[]> {
  const nodes: TestedNode[] = [];
  for (const number of numbers) nodes.push(await cluster.startNode(here, number));
  const { revision } = await here.client.list({ labels: [] });
  for (const node of nodes) await node.report(there.client, revision!);
  return nodes;
}

describe('a new identity', () => {
  it('is waited for until all other live nodes have reported it, at whichever replica', async () => {
    const [a, b, c] = await begin(1, 2, 3);
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
    const [a, b] = await begin(4, 5);
    const wait = async ({ client }: TestedAllocator, revision: typeof first) => {
      const { late } = await client.awaitApplied({ node: 'n4', identityRevision: revision, endpointRevision: undefined });
      return late.filter((name) => name === 'n5');
    };
    const { identityRevision: first } = await a!.allocate('a', db, ['10.244.4.5']);
    expect(await wait(here, first)).toEqual(['n5']);
    await eventually(async () => (await wait(there, first)).length === 0);
    const { identityRevision: second } = await a!.allocate('b', [...db, 'k8s:z=1'], ['10.244.4.6']);
    expect(await wait(there, second)).toEqual([]);
    await b!.report(here.client, second!);
    const { identityRevision: third } = await a!.allocate('c', [...db, 'k8s:z=2'], ['10.244.4.7']);
    await eventually(async () => (await wait(there, third)).length === 1);
  });

  it('is not waited for on a node whose lease is over', async () => {
    const [a] = await begin(6, 7);
    const { identityRevision } = await a!.allocate('a', [...web, 'k8s:z=3'], ['10.244.6.5']);
    await eventually(async () => (await a!.allocate('b', [...web, 'k8s:z=3'], ['10.244.6.6'])).identityApplied);
    expect((await here.client.awaitApplied({ node: 'n6', identityRevision, endpointRevision: undefined })).late).toEqual([]);
  });
});

it('a report of an earlier registration is refused (C1), and one of the present one goes on from nothing', async () => {
  const [a] = await begin(8);
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
  const [a, b] = await begin(9, 10);
  const { identityRevision } = await a!.allocate('a', [...web, 'k8s:z=4'], ['10.244.9.5']);
  await b!.report(here.client, identityRevision!);
  const third = await cluster.startAllocator('--applied-within-ms', '300', '--lease-ms', '1500');
  await eventually(async () => {
    await b!.report(here.client, identityRevision!);
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
