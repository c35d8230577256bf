import { execFileSync } from 'node:child_process';
import { prefix } from '@myelin/address';
import type { AllocateRequest, EndpointAddress, Identity, Node, Session, WatchResponse } from '@myelin/contracts/identity';
import { boundsOf } from '@myelin/outbox';
import { Lifecycle, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, eventually, startNats, startRedis } from '@myelin/service/testing';
import { NatsLink, type StreamBatch, StreamConsumer, type StreamKind, streamKinds } from '@myelin/state-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blockCommands, startAllocator, type TestedAllocator } from './testing/allocator.ts';

let redis: ChildServer;
let nats: ChildServer;
let cleanUp: (() => Promise<unknown>)[];
beforeEach(async () => {
  [redis, nats] = await Promise.all([startRedis(), startNats()]);
  cleanUp = [() => redis.stop(), () => nats.stop()];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

const redisCli = (...args: string[]) => execFileSync('redis-cli', ['-p', `${redis.port}`, ...args], { encoding: 'utf8' }).trim();
const giveBlocks = (node: string, ...cidrs: string[]) => {
  for (const command of blockCommands(node, cidrs)) redisCli(...command);
};

async function start(...flags: string[]): Promise<TestedAllocator> {
  const allocator = await startAllocator(redis, nats, flags);
  cleanUp.push(() => allocator.stop());
  return allocator;
}

/** A node with a block of each family, registered, and a short way to speak for it. */
async function startNode({ client }: TestedAllocator, number: number) {
  const node = `n${number}`;
  const podCidrs = [`10.244.${number}.0/24`, `fd00:10:244:${number}::/64`];
  giveBlocks(node, ...podCidrs);
  const register = async () => {
    const { registration, revision } = await client.registerNode({
      name: node,
      uid: `uid-${node}`,
      addresses: [`192.168.0.${number}`],
      podCidrs,
    });
    session = { registration, counter: 0n };
    return { registration, revision };
  };
  let session: Session;
  const { registration } = await register();
  const request = (uid: string, labels: string[], addresses: string[], counter = 0n): AllocateRequest => ({
    node,
    session: { ...session, counter },
    endpointUid: uid,
    namespace: 'shop',
    name: `pod-${uid}`,
    labels,
    addresses,
  });
  return {
    node,
    registration,
    register,
    request,
    allocate: (...args: Parameters<typeof request>) => client.allocate(request(...args)),
    release: (uid: string, counter = 0n) => client.release({ node, session: { ...session, counter }, endpointUid: uid }),
  };
}

/** The table that a consumer of a stream ends up with. */
function consume<Row>(kind: StreamKind<Row>) {
  const readiness = new Readiness();
  const link = new NatsLink({ url: nats.url, name: 'test', log: silentLog, readiness });
  const rows = new Map<string, Row>();
  const onBatch = ({ changed, removed }: StreamBatch<Row>) => {
    for (const { key, row } of changed) rows.set(key, row);
    for (const { key } of removed) rows.delete(key);
  };
  const consumer = new StreamConsumer({ kind, link, log: silentLog, readiness, onBatch });
  const lifecycle = new Lifecycle([link, consumer], { log: silentLog, stopDeadlineMs: 5000 });
  cleanUp.push(() => lifecycle.stop());
  void lifecycle.start();
  return { rows, consumer };
}

const web = ['k8s:app=web', 'k8s:io.kubernetes.pod.namespace=shop'];
const db = ['k8s:app=db', 'k8s:io.kubernetes.pod.namespace=shop'];

describe('a number', () => {
  it('is the same for equal label sets, in whatever order and on whatever node, and another for others (C1)', async () => {
    const allocator = await start();
    const [one, two] = [await startNode(allocator, 1), await startNode(allocator, 2)];
    const { identity } = await one.allocate('a', web, ['10.244.1.5']);
    expect(identity).toBeGreaterThanOrEqual(256);
    expect(identity).toBeLessThanOrEqual(65535);
    expect((await two.allocate('b', [...web].reverse(), ['10.244.2.5'])).identity).toBe(identity);
    expect((await two.allocate('c', db, ['10.244.2.6'])).identity).not.toBe(identity);
    expect((await two.allocate('d', [...web, 'named-port:http=80/TCP'], ['10.244.2.7'])).identity).not.toBe(identity);
  });

  it('is announced when it is answered, with its labels and the endpoint behind it (C4)', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const identities = consume<Identity>(streamKinds.identities);
    const endpoints = consume<EndpointAddress>(streamKinds.endpoints);
    const { identity, identityRevision, endpointRevision } = await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5']);
    await identities.consumer.waitFor(identityRevision!, 5000);
    await endpoints.consumer.waitFor(endpointRevision!, 5000);
    expect([...identities.rows.values()]).toEqual([{ number: identity, labels: web }]);
    const rest = { identity, node: 'n1', endpointUid: 'a', namespace: 'shop', name: 'pod-a' };
    expect(Object.fromEntries(endpoints.rows)).toEqual({
      '10.244.1.5': { address: '10.244.1.5', ...rest },
      'fd00:10:244:1::5': { address: 'fd00:10:244:1::5', ...rest },
    });
  });

  it('stays while one endpoint refers to it, and goes with the last', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const { identity } = await node.allocate('a', web, ['10.244.1.5']);
    await node.allocate('b', web, ['10.244.1.6']);
    await node.release('a');
    expect((await allocator.client.get({ number: identity })).identity).toEqual({ number: identity, labels: web });
    await node.release('b');
    await expect(allocator.client.get({ number: identity })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('comes back to the label set that had it, and goes to no other while there are more', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const { identity } = await node.allocate('a', web, ['10.244.1.5']);
    await node.release('a');
    const others = await Promise.all(
      Array.from({ length: 30 }, (_, i) => node.allocate(`o${i}`, [`k8s:app=o${i}`], [`10.244.1.${100 + i}`])),
    );
    expect(others.map((other) => other.identity)).not.toContain(identity);
    expect((await node.allocate('a2', web, ['10.244.1.5'])).identity).toBe(identity);
  });

  it('of a running system is refused when none is left', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const incarnation = redisCli('get', 'myelin:incarnation');
    const script = `for n = 256, 65535 do
      redis.call('hset', 'myelin:identity:sets', 'x' .. n, n)
      redis.call('hset', 'myelin:stream:identities:rows', n, ARGV[1] .. ' 1 + {}') end`;
    redisCli('eval', script, '0', incarnation);
    await expect(node.allocate('a', web, ['10.244.1.5'])).rejects.toMatchObject({ code: 'resource_exhausted' });
    redisCli('eval', "redis.call('hdel', 'myelin:identity:sets', 'x4711') redis.call('hdel', 'myelin:stream:identities:rows', 4711)", '0');
    expect((await node.allocate('a', web, ['10.244.1.5'])).identity).toBe(4711);
  });

  it('that is not announced is not answered, and the same one later', async () => {
    const allocator = await start('--announce-within-ms', '300');
    const node = await startNode(allocator, 1);
    const known = await node.allocate('a', web, ['10.244.1.5']);
    await nats.kill();
    await expect(node.allocate('b', db, ['10.244.1.6'])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('is not announced yet'),
    });
    expect((await node.allocate('c', web, ['10.244.1.7'])).identity).toBe(known.identity);
    const number = Number(redisCli('hget', 'myelin:identity:sets', JSON.stringify(db)));
    await nats.resume();
    const later = await eventually(() => node.allocate('b', db, ['10.244.1.6']), 20_000);
    expect(later.identity).toBe(number);
  });
});

describe('an endpoint', () => {
  it('allocated again changes nothing and gets the same answer', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const first = await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5']);
    expect(await node.allocate('a', web, ['10.244.1.5', 'fd00:10:244:1::5'])).toEqual(first);
    await node.release('a');
    await node.release('a');
    await node.release('never-there');
  });

  it('relabelled moves to the other number; the old one goes when nobody else has it', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const before = await node.allocate('a', web, ['10.244.1.5']);
    const after = await node.allocate('a', db, ['10.244.1.5', '10.244.1.6']);
    expect(after.identity).not.toBe(before.identity);
    expect((await allocator.client.list({ labels: [] })).identities).toEqual([{ number: after.identity, labels: db }]);
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity).toEqual({ number: after.identity, labels: db });
    const { endpointRevision } = await node.allocate('a', db, ['10.244.1.6']);
    expect(endpointRevision!.counter).toBeGreaterThan(after.endpointRevision!.counter);
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity!.number).toBe(0);
  });

  it("gets no address that another one holds, and is told whose it is; the holder's stays (C5)", async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
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
    const allocator = await start();
    const [one, two] = [await startNode(allocator, 1), await startNode(allocator, 2)];
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
    const node = await startNode(await start(), 1);
    await expect(node.allocate(uid, labels, addresses)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('a session', () => {
  it('with a counter below the greatest seen is refused: a late Release frees nothing (C1)', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const { identity } = await node.allocate('a', web, ['10.244.1.5'], 1n);
    await node.allocate('a', web, ['10.244.1.5'], 2n);
    await expect(node.release('a', 1n)).rejects.toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('counter 1 is outdated, 2 has been seen'),
    });
    await expect(node.allocate('b', db, ['10.244.1.5'], 1n)).rejects.toMatchObject({ code: 'aborted' });
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity!.number).toBe(identity);
    await node.release('a', 2n);
  });

  it('of an earlier registration is refused, and a node that never registered too', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const old = node.request('a', web, ['10.244.1.5']);
    const { registration } = await node.register();
    expect(registration).toBeGreaterThan(node.registration);
    await expect(allocator.client.allocate(old)).rejects.toMatchObject({
      code: 'aborted',
      message: expect.stringContaining("the session's registration"),
    });
    await node.allocate('a', web, ['10.244.1.5']);
    await expect(allocator.client.allocate({ ...old, node: 'n9' })).rejects.toMatchObject({
      code: 'failed_precondition',
      message: expect.stringContaining('RegisterNode'),
    });
    await expect(allocator.client.allocate({ ...old, session: undefined })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('that is new takes the address of an endpoint that was not claimed again, and of no other', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    await node.allocate('gone', web, ['10.244.1.5']);
    const { identity } = await node.allocate('stays', web, ['10.244.1.6']);
    await node.register();
    await node.allocate('stays', web, ['10.244.1.6']);
    await node.allocate('new', web, ['10.244.1.5']);
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).name).toBe('pod-new');
    await expect(node.allocate('new', web, ['10.244.1.6'])).rejects.toMatchObject({ code: 'already_exists' });
    await node.release('new');
    await node.release('stays');
    await expect(allocator.client.get({ number: identity })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a node', () => {
  it('is announced with its addresses and ranges', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const nodes = consume<Node>(streamKinds.nodes);
    const { revision } = await node.register();
    await nodes.consumer.waitFor(revision!, 5000);
    expect(nodes.rows.get('n1')).toEqual({
      name: 'n1',
      uid: 'uid-n1',
      addresses: ['192.168.0.1'],
      podCidrs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    });
  });

  it('can claim only blocks that ipam gave it, and no address of another node', async () => {
    const allocator = await start();
    await startNode(allocator, 1);
    giveBlocks('n2', '10.244.2.0/24');
    const register = (podCidrs: string[], addresses: string[]) =>
      allocator.client.registerNode({ name: 'n2', uid: 'u', podCidrs, addresses });
    for (const cidr of ['10.244.1.0/24', '10.244.2.0/25', '10.244.3.0/24']) {
      await expect(register([cidr], [])).rejects.toMatchObject({
        code: 'failed_precondition',
        message: expect.stringContaining(`pod CIDR ${cidr} is none of its blocks`),
      });
    }
    await expect(register(['10.244.2.0/24'], ['192.168.0.1'])).rejects.toMatchObject({
      code: 'already_exists',
      message: 'node n2: address 192.168.0.1 belongs to node n1',
    });
    await register(['10.244.2.0/24'], ['192.168.0.2']);
  });

  it('that registers with another address gives the old one up', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    await allocator.client.registerNode({ name: 'n1', uid: 'uid-n1', addresses: ['192.168.0.77'], podCidrs: [] });
    giveBlocks('n2', '10.244.2.0/24');
    await allocator.client.registerNode({ name: 'n2', uid: 'uid-n2', addresses: ['192.168.0.1'], podCidrs: [] });
    expect((await allocator.client.whoIs({ address: '192.168.0.1' })).node).toBe('n2');
    expect(node.node).toBe('n1');
  });
});

describe('who is', () => {
  it('tells endpoints, nodes, the unknown inside the cluster and the world apart (D4)', async () => {
    const allocator = await start();
    const node = await startNode(allocator, 1);
    const { first, last } = boundsOf(prefix('10.250.0.0/16'));
    redisCli('hset', 'myelin:ipam:pools', '10.250.0.0/16', `${first} ${last}`);
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
    const allocator = await start();
    const node = await startNode(allocator, 1);
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
    const [one, two] = [await start(), await start()];
    const node = await startNode(one, 1);
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
