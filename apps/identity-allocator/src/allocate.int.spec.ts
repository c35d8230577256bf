import type { EndpointAddress, Identity } from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import { eventually } from '@myelin/service/testing';
import { streamKinds } from '@myelin/state-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { db, TestedCluster, web } from './testing/cluster.ts';

let cluster: TestedCluster;
beforeEach(async () => {
  cluster = await TestedCluster.start();
});
afterEach(() => cluster.stop());

/** The revision at which a free number's row was removed. */
function removalOf(number: number): Revision {
  const [, incarnation, counter] = cluster.redisCli('hget', 'myelin:identity:freed', `${number}`).split(' ');
  return { incarnation: BigInt(incarnation!), counter: BigInt(counter!) };
}

/** Has a free number be free for longer than that already. */
function agePast(number: number, ms: number): void {
  const [at, ...revision] = cluster.redisCli('hget', 'myelin:identity:freed', `${number}`).split(' ');
  cluster.redisCli('hset', 'myelin:identity:freed', `${number}`, [Number(at) - ms, ...revision].join(' '));
}

/** Leaves no other number to be had. */
function takeAllNumbers(but: number): void {
  const script = `for n = 256, 65535 do if n ~= tonumber(ARGV[2]) then
    redis.call('hset', 'myelin:identity:sets', 'x' .. n, n)
    redis.call('hset', 'myelin:stream:identities:rows', n, ARGV[1] .. ' 1 + {"number":' .. n .. ',"labels":["k8s:x=' .. n .. '"]}') end end`;
  cluster.redisCli('eval', script, '0', cluster.redisCli('get', 'myelin:incarnation'), `${but}`);
}

describe('a number', () => {
  it('is the same for equal label sets, in whatever order and on whatever node, and another for others (C1)', async () => {
    const allocator = await cluster.startAllocator();
    const [one, two] = [await cluster.startNode(allocator, 1), await cluster.startNode(allocator, 2)];
    const { identity } = await one.allocate('a', web, ['10.244.1.5']);
    expect(identity).toBeGreaterThanOrEqual(256);
    expect(identity).toBeLessThanOrEqual(65535);
    expect((await two.allocate('b', [...web].reverse(), ['10.244.2.5'])).identity).toBe(identity);
    expect((await two.allocate('c', db, ['10.244.2.6'])).identity).not.toBe(identity);
    expect((await two.allocate('d', [...web, 'named-port:http=80/TCP'], ['10.244.2.7'])).identity).not.toBe(identity);
  });

  it('is announced when it is answered, with its labels and the endpoint behind it (C4)', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const identities = cluster.consume<Identity>(streamKinds.identities);
    const endpoints = cluster.consume<EndpointAddress>(streamKinds.endpoints);
    const { identity, identityRevision, endpointRevision } = await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5']);
    await identities.consumer.waitFor(identityRevision!, 30_000);
    await endpoints.consumer.waitFor(endpointRevision!, 30_000);
    expect([...identities.rows.values()]).toEqual([{ number: identity, labels: web }]);
    const rest = { identity, node: 'n1', endpointUid: 'a', namespace: 'shop', name: 'pod-a' };
    expect(Object.fromEntries(endpoints.rows)).toEqual({
      '10.244.1.5': { address: '10.244.1.5', ...rest },
      'fd00:10:244:1::5': { address: 'fd00:10:244:1::5', ...rest },
    });
  });

  it('stays while one endpoint refers to it, and goes with the last', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const { identity } = await node.allocate('a', web, ['10.244.1.5']);
    await node.allocate('b', web, ['10.244.1.6']);
    await node.release('a');
    expect((await allocator.client.get({ number: identity })).identity).toEqual({ number: identity, labels: web });
    await node.release('b');
    await expect(allocator.client.get({ number: identity })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('comes back to the label set that had it, and goes to no other while there are more', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const { identity } = await node.allocate('a', web, ['10.244.1.5']);
    await node.release('a');
    const others = await Promise.all(
      Array.from({ length: 30 }, (_, i) => node.allocate(`o${i}`, [`k8s:app=o${i}`], [`10.244.1.${100 + i}`])),
    );
    expect(others.map((other) => other.identity)).not.toContain(identity);
    expect((await node.allocate('a2', web, ['10.244.1.5'])).identity).toBe(identity);
  });

  it('of a running system is refused when none is left', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const incarnation = cluster.redisCli('get', 'myelin:incarnation');
    const script = `for n = 256, 65535 do
      redis.call('hset', 'myelin:identity:sets', 'x' .. n, n)
      redis.call('hset', 'myelin:stream:identities:rows', n, ARGV[1] .. ' 1 + {}') end`;
    cluster.redisCli('eval', script, '0', incarnation);
    await expect(node.allocate('a', web, ['10.244.1.5'])).rejects.toMatchObject({ code: 'resource_exhausted' });
    cluster.redisCli(
      'eval',
      "redis.call('hdel', 'myelin:identity:sets', 'x4711') redis.call('hdel', 'myelin:stream:identities:rows', 4711)",
      '0',
    );
    expect((await node.allocate('a', web, ['10.244.1.5'])).identity).toBe(4711);
  });

  it('gets another meaning only after its quarantine, and when every node has applied its removal (C1)', async () => {
    const allocator = await cluster.startAllocator();
    const [node, other] = [await cluster.startNode(allocator, 1), await cluster.startNode(allocator, 2)];
    const { identity } = await node.allocate('a', web, ['10.244.1.5']);
    takeAllNumbers(identity);
    await node.release('a');
    const removal = removalOf(identity);
    const mayHave = () =>
      node.allocate('b', db, ['10.244.1.6']).then(
        (answer) => answer.identity,
        (error) => error.code,
      );
    // All have applied it, and it is too early.
    await node.report(allocator.client, removal);
    await other.report(allocator.client, removal);
    expect(await mayHave()).toBe('resource_exhausted');
    // The set that had it may have it at any time, and then its quarantine begins anew.
    expect((await node.allocate('a', web, ['10.244.1.5'])).identity).toBe(identity);
    await node.release('a');
    const again = removalOf(identity);
    await node.report(allocator.client, again);
    agePast(identity, 10 * 60_000);
    expect(await mayHave()).toBe('resource_exhausted');
    await other.report(allocator.client, { ...again, counter: again.counter - 1n });
    expect(await mayHave()).toBe('resource_exhausted');
    await other.report(allocator.client, again);
    expect(await mayHave()).toBe(identity);
  });

  it('that is not announced is not answered, and the same one later', async () => {
    const allocator = await cluster.startAllocator('--announce-within-ms', '300');
    const node = await cluster.startNode(allocator, 1);
    const known = await node.allocate('a', web, ['10.244.1.5']);
    await cluster.nats.kill();
    await expect(node.allocate('b', db, ['10.244.1.6'])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('is not announced yet'),
    });
    expect((await node.allocate('c', web, ['10.244.1.7'])).identity).toBe(known.identity);
    const number = Number(cluster.redisCli('hget', 'myelin:identity:sets', JSON.stringify(db)));
    await cluster.nats.resume();
    const later = await eventually(() => node.allocate('b', db, ['10.244.1.6']), 30_000);
    expect(later.identity).toBe(number);
  });
});

describe('an endpoint', () => {
  it('allocated again changes nothing and gets the same answer', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const first = await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5']);
    expect(await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5'])).toEqual(first);
    await node.release('a');
    await node.release('a');
    await node.release('never-there');
  });

  it('relabelled holds both numbers, published under the old one until its addresses are moved; the old one goes when it is given back (C1)', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const published = async () => (await allocator.client.whoIs({ address: '10.244.1.5' })).identity;
    const known = async () => (await allocator.client.list({ labels: [] })).identities.map(({ number }) => number);
    const before = await node.allocate('a', web, ['10.244.1.5']);
    const after = await node.allocate('a', db, ['10.244.1.5']);
    expect(after.identity).not.toBe(before.identity);
    expect(await published()).toEqual({ number: before.identity, labels: web });
    const { endpointRevision } = await node.moveAddresses('a', after.identity);
    expect(endpointRevision!.counter).toBeGreaterThan(before.endpointRevision!.counter);
    expect(await node.moveAddresses('a', after.identity)).toEqual({ endpointRevision });
    expect(await published()).toEqual({ number: after.identity, labels: db });
    expect(new Set(await known())).toEqual(new Set([before.identity, after.identity]));
    for (const _again of [1, 2]) await node.release('a', 0n, after.identity);
    expect(await known()).toEqual([after.identity]);
    expect(await published()).toEqual({ number: after.identity, labels: db });
  });

  it('relabelled to and fro holds every number until it is settled, and gives all of them back when it goes', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const known = async () => (await allocator.client.list({ labels: [] })).identities.length;
    for (const labels of [web, db, ['k8s:app=x'], web, db]) await node.allocate('a', labels, ['10.244.1.5']);
    expect(await known()).toBe(3);
    await node.release('a');
    expect(await known()).toBe(0);
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity!.number).toBe(0);
  });

  it('keeps no number that it has not, and no other than its addresses have: nothing is changed', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const before = await node.allocate('a', web, ['10.244.1.5']);
    const after = await node.allocate('a', db, ['10.244.1.5']);
    const foreign = await node.allocate('b', ['k8s:app=x'], ['10.244.1.6']);
    for (const call of [
      node.release('a', 0n, after.identity),
      node.release('c', 0n, after.identity),
      node.moveAddresses('a', foreign.identity),
      node.moveAddresses('c', after.identity),
    ])
      await expect(call).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining('call Allocate, then MoveAddresses'),
      });
    expect((await allocator.client.list({ labels: [] })).identities).toHaveLength(3);
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity!.number).toBe(before.identity);
  });

  it('allocated with other addresses loses those that it had before', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const first = await node.allocate('a', web, ['10.244.1.5', '10.244.1.6']);
    const { endpointRevision } = await node.allocate('a', web, ['10.244.1.6']);
    expect(endpointRevision!.counter).toBeGreaterThan(first.endpointRevision!.counter);
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity!.number).toBe(0);
    expect((await allocator.client.whoIs({ address: '10.244.1.6' })).identity!.number).toBe(first.identity);
  });

  it("gets no address that another one holds, and is told whose it is; the holder's stays (C5)", async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    await node.allocate('a', web, ['10.244.1.5']);
    await expect(node.allocate('b', db, ['10.244.1.6', '10.244.1.5'])).rejects.toMatchObject({
      code: 'already_exists',
      message: 'endpoint b of node n1: address 10.244.1.5 belongs to endpoint shop/pod-a (a) of node n1',
    });
    expect((await allocator.client.whoIs({ address: '10.244.1.6' })).identity!.number).toBe(0);
    expect((await allocator.client.list({ labels: [] })).identities.map(({ labels }) => labels)).toEqual([web]);
    await node.release('b');
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).name).toBe('pod-a');
  });

  it("gets no address outside its node's blocks, nor one of another node's (C5)", async () => {
    const allocator = await cluster.startAllocator();
    const [one, two] = [await cluster.startNode(allocator, 1), await cluster.startNode(allocator, 2)];
    for (const address of ['10.244.2.5', '10.9.9.9', 'fd00:10:244:2::1', '::ffff:10.244.2.5']) {
      await expect(one.allocate('a', web, [address])).rejects.toMatchObject({
        code: 'failed_precondition',
        message: expect.stringContaining("in none of the node's blocks"),
      });
    }
    expect(
      (await two.allocate('a', web, ['10.244.2.0', '10.244.2.255', 'fd00:10:244:2::', 'fd00:10:244:2:ffff:ffff:ffff:ffff'])).identity,
    ).toBeGreaterThan(255);
  });

  it.each([
    ['no labels', 'a', [], ['10.244.1.5']],
    ['a label that is none', 'a', ['=x'], ['10.244.1.5']],
    ['a reserved label', 'a', ['reserved:host'], ['10.244.1.5']],
    ['an address that is none', 'a', web, ['10.244.1']],
    ['no UID', '', web, ['10.244.1.5']],
    ['white space in its UID', 'a b', web, ['10.244.1.5']],
  ])('with %s is refused as invalid', async (_what, uid, labels, addresses) => {
    const node = await cluster.startNode(await cluster.startAllocator(), 1);
    await expect(node.allocate(uid, labels, addresses)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
