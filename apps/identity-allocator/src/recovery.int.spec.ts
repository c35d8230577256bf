import { type EndpointAddress, type EndpointClaim, type Identity, Identity as IdentityMessage } from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import { compareRevisions } from '@myelin/revision';
import { eventually } from '@myelin/service/testing';
import { BucketWriter, createBucket, openJetStream, streamKinds } from '@myelin/state-stream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestedAllocator } from './testing/allocator.ts';
import { db, TestedCluster, web } from './testing/cluster.ts';

const long = '60000';
const cache = ['k8s:app=cache', 'k8s:io.kubernetes.pod.namespace=shop'];

let cluster: TestedCluster;
beforeEach(async () => {
  cluster = await TestedCluster.start();
});
afterEach(() => cluster.stop());

type TestedNode = Awaited<ReturnType<TestedCluster['startNode']>>;
interface Answer {
  readonly identity: number;
  readonly identityRevision: Revision | undefined;
}
const claim = (endpointUid: string, labels: string[], { identity, identityRevision }: Answer): EndpointClaim => ({
  endpointUid,
  numbers: [{ number: identity, labels, revision: identityRevision }],
});

/** Redis loses everything; the nodes' blocks are back at once, as ipam has its own recovery. */
function flush(...nodes: readonly TestedNode[]): void {
  cluster.redisCli('FLUSHALL');
  for (const { node, podCidrs } of nodes) cluster.giveBlocks(node, ...podCidrs);
}

/** Waits until the allocator has noticed, as an agent does: its report is refused, and to register is answered by a question. */
async function asked(node: TestedNode): Promise<void> {
  await eventually(async () => (await node.register()).present);
}
const registered = (node: TestedNode) => eventually(async () => (await node.register()).registration > 0n, 30_000);

async function untilIncarnation(): Promise<bigint> {
  return BigInt(await eventually(() => cluster.redisCli('GET', 'myelin:incarnation')));
}

describe('C4: when Redis has lost everything', () => {
  it('numbers and addresses come back from whole buckets, are told to be nobody’s at no moment, and each node claims what it has', async () => {
    const [one, other] = [
      await cluster.startAllocator('--recovery-wait-ms', long),
      await cluster.startAllocator('--recovery-wait-ms', long),
    ];
    const [n1, n2] = [await cluster.startNode(one, 1), await cluster.startNode(other, 2)];
    const a = await n1.allocate('a', web, ['10.244.1.1']);
    const b = await n2.allocate('b', db, ['10.244.2.1']);
    const identities = cluster.consume<Identity>(streamKinds.identities);
    const addresses = cluster.consume<EndpointAddress>(streamKinds.endpoints);
    await identities.consumer.waitFor(b.identityRevision!, 30_000);
    await addresses.consumer.waitFor(b.endpointRevision!, 30_000);
    const [numbersBefore, addressesBefore] = [new Map(identities.rows), new Map(addresses.rows)];
    const lost = await untilIncarnation();

    flush(n1, n2);
    await asked(n1);
    await expect(n1.report(one.client, a.identityRevision!)).rejects.toMatchObject({ code: 'aborted' });
    expect(await n1.present([claim('a', web, a)])).toEqual({ wanted: true });
    // The other node is waited for.
    await expect(n1.allocate('c', cache, ['10.244.1.2'])).rejects.toMatchObject({ code: 'unavailable' });
    expect((await n1.register()).registration).toBe(0n);
    await asked(n2);
    await n2.present([claim('b', db, b)]);
    await Promise.all([registered(n1), registered(n2)]);

    expect(await untilIncarnation()).toBeGreaterThan(lost);
    const again = await n1.allocate('a', web, ['10.244.1.1']);
    expect(again.identity).toBe(a.identity);
    expect((await n2.allocate('b', db, ['10.244.2.1'])).identity).toBe(b.identity);
    const fresh = await n1.allocate('c', cache, ['10.244.1.2']);
    expect([a.identity, b.identity]).not.toContain(fresh.identity);
    await identities.consumer.waitFor(fresh.identityRevision!, 30_000);
    await addresses.consumer.waitFor(fresh.endpointRevision!, 30_000);
    expect(identities.removals).toEqual([]);
    expect(addresses.removals).toEqual([]);
    for (const [key, row] of numbersBefore) expect(identities.rows.get(key)).toEqual(row);
    for (const [key, row] of addressesBefore) expect(addresses.rows.get(key)).toEqual(row);
    expect(identities.rows.size).toBe(3);
  });

  it('a node that is registered anew has nothing that it need not claim', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', long);
    const n1 = await cluster.startNode(allocator, 1);
    const a = await n1.allocate('a', web, ['10.244.1.1']);
    flush(n1);
    await asked(n1);
    await n1.present([claim('a', web, a)]);
    const { continued } = await eventually(async () => {
      const answer = await n1.register();
      return answer.registration > 0n ? answer : null;
    });
    expect(continued).toBe(false);
  });

  it('what an endpoint had that its node does not have any more is nobody’s, and its number goes to no other set before its quarantine', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', long);
    const n1 = await cluster.startNode(allocator, 1);
    const a = await n1.allocate('a', web, ['10.244.1.1']);
    await n1.allocate('b', db, ['10.244.1.2']);
    const addresses = cluster.consume<EndpointAddress>(streamKinds.endpoints);
    flush(n1);
    await asked(n1);
    await n1.present([claim('a', web, a)]);
    await registered(n1);
    await eventually(() => addresses.rows.size === 1);
    const { identities } = await allocator.client.list({ labels: [] });
    expect(identities).toEqual([{ number: a.identity, labels: web }]);
    const [former] = cluster.redisCli('HKEYS', 'myelin:identity:freed').split('\n');
    const request = n1.request('c', cache, ['10.244.1.3']);
    const fresh = await allocator.client.allocate({ ...request, claimed: Number(former) });
    expect(fresh.identity).not.toBe(Number(former));
    // The set that had it may have it again.
    const back = await allocator.client.allocate({ ...n1.request('d', db, ['10.244.1.4']), claimed: Number(former) });
    expect(back.identity).toBe(Number(former));
  });

  it('a bucket that was begun and never became whole is not taken for what there was', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', long);
    const n1 = await cluster.startNode(allocator, 1);
    const a = await n1.allocate('a', web, ['10.244.1.1']);
    const b = await n1.allocate('b', db, ['10.244.1.2']);
    await writeHalf(await untilIncarnation(), a.identity);
    flush(n1);
    await asked(n1);
    await n1.present([claim('a', web, a), claim('b', db, b)]);
    await registered(n1);
    const { identities } = await allocator.client.list({ labels: [] });
    expect(identities.map(({ labels }) => labels)).toEqual(expect.arrayContaining([web, db]));
  });
});

describe('C4: when Redis and NATS have lost everything', () => {
  it('a number that two label sets claim is that of the later assignment; the other one is renumbered', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', '3000');
    const [n1, n2] = [await cluster.startNode(allocator, 1), await cluster.startNode(allocator, 2)];
    await loseAll(n1, n2);
    const at = (counter: bigint) => ({ incarnation: 7n, counter });
    await n1.present([claim('a', web, { identity: 777, identityRevision: at(5n) })]);
    await n2.present([claim('b', db, { identity: 777, identityRevision: at(9n) })]);
    await Promise.all([registered(n1), registered(n2)]);
    const claimed = async (node: TestedNode, uid: string, labels: string[], address: string) =>
      (await eventually(() => allocator.client.allocate({ ...node.request(uid, labels, [address]), claimed: 777 }))).identity;
    expect(await claimed(n1, 'a', web, '10.244.1.1')).not.toBe(777);
    expect(await claimed(n2, 'b', db, '10.244.2.1')).toBe(777);
  });

  it('all that one node has read comes back, a silent node’s pods and numbers too', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', '3000');
    const [n1, n2] = [await cluster.startNode(allocator, 1), await cluster.startNode(allocator, 2)];
    await loseAll(n1, n2);
    const revision = { incarnation: 7n, counter: 3n };
    const identity = IdentityMessage.encode({ number: 888, labels: db }).finish() as Buffer;
    const row = { address: '10.244.2.1', identity: 888, node: 'n2', endpointUid: 'b', namespace: 'shop', name: 'pod-b' };
    const rows = [
      { kind: 'identities', key: '888', revision, payload: identity },
      { kind: 'endpoints', key: row.address, revision, payload: Buffer.from(streamKinds.endpoints.encode(row)) },
    ];
    await n1.present([], rows);
    await registered(n1);
    const { identities } = await allocator.client.list({ labels: [] });
    expect(identities).toEqual([{ number: 888, labels: db }]);
    const addresses = cluster.consume<EndpointAddress>(streamKinds.endpoints);
    await eventually(() => addresses.rows.size === 1);
    expect(addresses.rows.get('10.244.2.1')).toEqual(row);
  });

  it('C3: the next incarnation is greater than every one that a node has seen', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', '3000');
    const n1 = await cluster.startNode(allocator, 1);
    await loseAll(n1);
    const seen = BigInt(Date.now()) + 3_600_000n;
    await n1.present([claim('a', web, { identity: 777, identityRevision: { incarnation: seen, counter: 5n } })]);
    await registered(n1);
    const a = await eventually(() => allocator.client.allocate({ ...n1.request('a', web, ['10.244.1.1']), claimed: 777 }));
    expect(a.identity).toBe(777);
    expect(compareRevisions(a.identityRevision!, { incarnation: seen, counter: 5n })).toBeGreaterThan(0);
  });

  it('C3: so is one that a node has seen which comes when the recovery is over, and nothing is lost by that', async () => {
    const allocator = await cluster.startAllocator('--recovery-wait-ms', '1500');
    const [n1, n2] = [await cluster.startNode(allocator, 1), await cluster.startNode(allocator, 2)];
    const a = await n1.allocate('a', web, ['10.244.1.1']);
    const addresses = cluster.consume<EndpointAddress>(streamKinds.endpoints);
    await addresses.consumer.waitFor(a.endpointRevision!, 30_000);
    const before = await untilIncarnation();
    const seen = { incarnation: BigInt(Date.now()) + 3_600_000n, counter: 5n };
    await expect(n2.report(allocator.client, seen)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await untilIncarnation()).toBe(seen.incarnation + 1n);
    expect(cluster.redisCli('HGET', 'myelin:identity:reports', 'n2')).not.toContain(`${seen.incarnation}`);
    // Who follows the old buckets gets the same rows in the new ones, none of them removed meanwhile; and numbers are what they were.
    const again = await eventually(() => n1.allocate('a', web, ['10.244.1.1']), 30_000);
    expect(again.identity).toBe(a.identity);
    expect(compareRevisions(again.identityRevision!, seen)).toBeGreaterThan(0);
    await addresses.consumer.waitFor(again.endpointRevision!, 30_000);
    expect([addresses.rows.get('10.244.1.1')?.identity, addresses.removals]).toEqual([a.identity, []]);
    await n2.report(allocator.client, again.identityRevision!);
    expect(await untilIncarnation()).toBe(seen.incarnation + 1n);
    expect(before).toBeLessThan(seen.incarnation);
    const beyond = { incarnation: 2n ** 60n, counter: 1n };
    await expect(n2.report(allocator.client, beyond)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('what is presented when nothing is missing is of no use', async () => {
    const allocator: TestedAllocator = await cluster.startAllocator();
    const n1 = await cluster.startNode(allocator, 1);
    expect(await n1.present([])).toEqual({ wanted: false });
  });
});

async function loseAll(...nodes: readonly TestedNode[]): Promise<void> {
  await cluster.nats.wipe();
  flush(...nodes);
  for (const node of nodes) await eventually(async () => (await node.register()).present, 30_000);
}

/** Half of what a relay that was killed in between leaves: a newer bucket with one row, and no end marker. */
async function writeHalf(incarnation: bigint, number: number): Promise<void> {
  const connection = await connect({ servers: cluster.nats.url });
  const bucket = { kind: 'identities', incarnation, number: 99 };
  const entry = {
    type: 'row',
    revision: { incarnation, counter: 9999n },
    payload: streamKinds.identities.encode({ number, labels: web }),
  } as const;
  await createBucket(connection, bucket);
  expect(await new BucketWriter(bucket, connection, await openJetStream(connection)).write(0, [{ key: `${number}`, entry }])).toBe(true);
  await connection.close();
}
