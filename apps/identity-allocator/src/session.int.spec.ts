import type { Node } from '@myelin/contracts/identity';
import { eventually } from '@myelin/service/testing';
import { streamKinds } from '@myelin/state-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { db, TestedCluster, web } from './testing/cluster.ts';

let cluster: TestedCluster;
beforeEach(async () => {
  cluster = await TestedCluster.start();
});
afterEach(() => cluster.stop());

describe('a session', () => {
  it('with a counter below the greatest seen is refused: a late Release frees nothing (C1)', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
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

  it('whose late calls are about a relabelling changes nothing: neither number nor address (C1)', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const before = await node.allocate('a', web, ['10.244.1.5'], 1n);
    const after = await node.allocate('a', db, ['10.244.1.5'], 2n);
    await expect(node.moveAddresses('a', after.identity, 1n)).rejects.toMatchObject({ code: 'aborted' });
    await expect(node.release('a', 1n, before.identity)).rejects.toMatchObject({ code: 'aborted' });
    expect((await allocator.client.whoIs({ address: '10.244.1.5' })).identity!.number).toBe(before.identity);
    expect((await allocator.client.list({ labels: [] })).identities).toHaveLength(2);
    // Nor does an Allocate that its agent has given up: back under the first labels, it is late.
    await node.moveAddresses('a', before.identity, 3n);
    await node.release('a', 3n, before.identity);
    await expect(node.allocate('a', db, ['10.244.1.5'], 2n)).rejects.toMatchObject({ code: 'aborted' });
    expect((await allocator.client.list({ labels: [] })).identities).toEqual([{ number: before.identity, labels: web }]);
  });

  it('of an earlier registration is refused, and a node that never registered too', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const old = node.request('a', web, ['10.244.1.5']);
    const { registration } = await node.register();
    expect(registration).toBeGreaterThan(node.registration);
    await expect(allocator.client.allocate(old)).rejects.toMatchObject({
      code: 'aborted',
      message: expect.stringContaining("the session's registration"),
    });
    await node.allocate('a', web, ['10.244.1.5']);
    await expect(allocator.client.allocate({ ...old, node: 'n9' })).rejects.toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('RegisterNode'),
    });
    await expect(allocator.client.allocate({ ...old, session: undefined })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('that is new takes the address of an endpoint that was not claimed again, and of no other', async () => {
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
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
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const nodes = cluster.consume<Node>(streamKinds.nodes);
    const { revision } = await node.register();
    await nodes.consumer.waitFor(revision!, 30_000);
    expect(nodes.rows.get('n1')).toEqual({
      name: 'n1',
      uid: 'uid-n1',
      addresses: ['192.168.0.1'],
      podCidrs: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    });
  });

  it('can claim only blocks that ipam gave it, and no address of another node', async () => {
    const allocator = await cluster.startAllocator();
    await cluster.startNode(allocator, 1);
    cluster.giveBlocks('n2', '10.244.2.0/24');
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
    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    await allocator.client.registerNode({ name: 'n1', uid: 'uid-n1', addresses: ['192.168.0.77'], podCidrs: [] });
    cluster.giveBlocks('n2', '10.244.2.0/24');
    await allocator.client.registerNode({ name: 'n2', uid: 'uid-n2', addresses: ['192.168.0.1'], podCidrs: [] });
    expect((await allocator.client.whoIs({ address: '192.168.0.1' })).node).toBe('n2');
    expect(node.node).toBe('n1');
  });
});

describe('C1: a node that is new, or was taken away', () => {
  it('is not visible to its peers before it has applied what was current when it registered', async () => {
    const allocator = await cluster.startAllocator();
    const nodes = cluster.consume<Node>(streamKinds.nodes);
    const n2 = await cluster.startNode(allocator, 2);
    const n1 = await cluster.startNode(allocator, 1, { isVisible: false });
    await expect(n1.activate()).rejects.toMatchObject({ code: 'unavailable' });
    const a = await n1.allocate('a', web, ['10.244.1.1']);
    const { nodeRevision } = await allocator.client.removeNode({ name: 'n1' });
    const again = await n1.register();
    expect([again.revision, again.continued]).toEqual([undefined, false]);
    // Its peers acknowledge what it has applied from its registration on: it is waited for.
    await n2.allocate('b', db, ['10.244.2.1']);
    expect(await n1.allocate('a', web, ['10.244.1.1'])).toMatchObject({ identity: a.identity });
    await n1.report(allocator.client, a.identityRevision!, a.endpointRevision, nodeRevision);
    // A second registration before that changes nothing.
    expect((await n1.register()).revision).toBeUndefined();
    await n1.report(allocator.client, a.identityRevision!, a.endpointRevision, nodeRevision);
    await expect(n1.activate()).rejects.toMatchObject({ code: 'unavailable' });
    const everything = { incarnation: BigInt(cluster.redisCli('GET', 'myelin:incarnation')), counter: 1n << 40n };
    await n1.report(allocator.client, everything, everything, everything);
    await eventually(() => nodes.rows.has('n2'));
    expect([...nodes.rows.keys()]).toEqual(['n2']);
    const visible = await n1.activate();
    await nodes.consumer.waitFor(visible, 30_000);
    expect(nodes.rows.get('n1')).toMatchObject({ name: 'n1', podCidrs: n1.podCidrs });
    expect(await n1.activate()).toEqual(visible);
    // From here on it stays visible, whatever becomes of its session.
    expect(await n1.register()).toMatchObject({ revision: visible, continued: true });
  });

  it('and goes before it was ever visible leaves nothing: its addresses are free', async () => {
    const allocator = await cluster.startAllocator();
    await cluster.startNode(allocator, 1, { isVisible: false });
    await allocator.client.removeNode({ name: 'n1' });
    await allocator.client.registerNode({ name: 'n2', uid: 'u', addresses: ['192.168.0.1'], podCidrs: [] });
    expect(cluster.redisCli('HGET', 'myelin:identity:node-addresses', '192.168.0.1')).toBe('n2');
  });
});
