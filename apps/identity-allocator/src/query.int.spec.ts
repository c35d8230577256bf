import { prefix } from '@myelin/address';
import type { WatchResponse } from '@myelin/contracts/identity';
import { boundsOf } from '@myelin/outbox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { db, TestedCluster, web } from './testing/cluster.ts';

let cluster: TestedCluster;
beforeEach(async () => {
  cluster = await TestedCluster.start();
});
afterEach(() => cluster.stop());

describe('who is', () => {
  it('tells endpoints, nodes, the unknown inside the cluster and the world apart (D4)', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const { first, last } = boundsOf(prefix('10.250.0.0/16'));
    cluster.redisCli('hset', 'myelin:ipam:pools', '10.250.0.0/16', `${first} ${last}`);
    const { identity } = await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5']);
    const who = (address: string) => allocator.client.whoIs({ address });
    const endpoint = { identity: { number: identity, labels: web }, node: 'n1', namespace: 'shop', name: 'pod-a' };
    expect(await who('10.244.1.5')).toEqual(endpoint);
    expect(await who('::ffff:10.244.1.5')).toEqual(endpoint);
    expect(await who('fd00:10:244:1:0:0:0:5')).toEqual(endpoint);
    expect(await who('192.168.0.1')).toMatchObject({ identity: { number: 6, labels: ['reserved:remote-node'] }, node: 'n1', name: '' });
    for (const address of ['10.244.1.6', 'fd00:10:244:1::6', '10.250.3.4']) {
      expect(await who(address)).toMatchObject({ identity: { number: 0, labels: ['reserved:unknown'] }, node: '', name: '' });
    }
    for (const address of ['198.51.100.10', '2001:db8:ffff::10'])
      expect(await who(address)).toMatchObject({ identity: { number: 2, labels: ['reserved:world'] } });
    await expect(who('10.244.1')).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('identities', () => {
  it('are listed by number, all or those with some visible labels', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    await node.allocate('a', [...web, 'named-port:http=80/TCP'], ['10.244.1.5']);
    await node.allocate('b', db, ['10.244.1.6']);
    const list = async (...labels: string[]) =>
      (await allocator.client.list({ labels })).identities.map((identity) => identity.labels.join(' '));
    expect(new Set(await list())).toEqual(new Set([[...web, 'named-port:http=80/TCP'].join(' '), db.join(' ')]));
    expect(await list('k8s:app=db')).toEqual([db.join(' ')]);
    expect(await list('app=db', 'any:io.kubernetes.pod.namespace=shop')).toEqual([db.join(' ')]);
    expect(await list('container:app=db')).toEqual([]);
    expect(await list('named-port:http=80/TCP')).toEqual([]);
    const numbers = (await allocator.client.list({ labels: [] })).identities.map(({ number }) => number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect((await allocator.client.get({ number: 2 })).identity).toEqual({ number: 2, labels: ['reserved:world'] });
  });

  it('are watched: all, the mark, then changes, from any replica', async () => {
    const [one, two] = [await cluster.startAllocator(), await cluster.startAllocator()];
    const node = await cluster.startNode(one, 1);
    const { identity } = await node.allocate('a', web, ['10.244.1.5']);
    const seen: WatchResponse['event'][] = [];
    const revisions: bigint[] = [];
    let second = 0;
    for await (const { event, revision } of two.client.watch({}, { signal: AbortSignal.timeout(20_000) })) {
      seen.push(event);
      revisions.push(revision!.counter);
      if (event?.$case === 'snapshotEnd') second = (await node.allocate('b', db, ['10.244.1.6'])).identity;
      if (event?.$case === 'updated' && event.value.number === second) await node.release('a');
      if (event?.$case === 'removed') break;
    }
    expect(seen).toEqual([
      { $case: 'updated', value: { number: identity, labels: web } },
      { $case: 'snapshotEnd', value: {} },
      { $case: 'updated', value: { number: second, labels: db } },
      { $case: 'removed', value: identity },
    ]);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
  });
});
