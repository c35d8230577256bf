import { once } from 'node:events';
import type { Identity } from '@myelin/contracts/identity';
import { eventually, freePort, startBundle } from '@myelin/service/testing';
import { streamKinds } from '@myelin/state-stream';
import { expect, it } from 'vitest';
import { db, TestedCluster, web } from './testing/cluster.ts';

it('two replicas tell the same, and when the one that publishes is killed the other one publishes (C1, C2, C4)', async () => {
  const cluster = await TestedCluster.start();
  const [port, metricsPort] = await Promise.all([freePort(), freePort()]);
  const killed = startBundle('identity-allocator', [
    ...['--listen', `127.0.0.1:${port}`, '--metrics-listen', `127.0.0.1:${metricsPort}`],
    ...['--redis', cluster.redis.url, '--nats', cluster.nats.url, '--insecure'],
  ]);
  try {
    // Alone, it has all leases.
    await eventually(async () => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).status === 200, 30_000);
    const lease = () => cluster.redisCli('get', 'myelin:stream:identities:lease');
    const [, pid] = (await eventually(lease)).split(' ');
    expect(Number(pid)).toBe(killed.child.pid);

    const allocator = await cluster.startAllocator();
    const node = await cluster.startNode(allocator, 1);
    const identities = cluster.consume<Identity>(streamKinds.identities);
    const first = await node.allocate('a', web, ['10.244.1.5']);
    const exited = once(killed.child, 'exit');
    killed.child.kill('SIGKILL');
    await exited;
    const known = await node.allocate('b', web, ['10.244.1.6']);
    expect(known.identity).toBe(first.identity);
    // A new number is not answered before it is published; asked again, it is the same one.
    const second = await eventually(() => node.allocate('c', db, ['10.244.1.7']), 30_000);
    await identities.consumer.waitFor(second.identityRevision!, 30_000);
    expect(Object.fromEntries(identities.rows)).toEqual({
      [first.identity]: { number: first.identity, labels: web },
      [second.identity]: { number: second.identity, labels: db },
    });
  } finally {
    killed.child.kill('SIGKILL');
    await cluster.stop();
  }
});
