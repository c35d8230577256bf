import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { Channel, clientOf, parseTarget } from '@myelin/rpc';
import { eventually, freePort, startBundle, startNats, startRedis } from '@myelin/service/testing';
import { expect, it } from 'vitest';

it('the bundle starts without its peers, says what is missing, serves on both kinds of socket once they are there, and stops in order', async () => {
  const [redis, nats, port, metricsPort] = await Promise.all([startRedis(), startNats(), freePort(), freePort()]);
  await Promise.all([redis.kill(), nats.kill()]);
  const socket = join(nats.folder, 'allocator.sock');
  const service = startBundle('identity-allocator', [
    ...['--listen', `127.0.0.1:${port}`, '--listen-unix', socket, '--metrics-listen', `127.0.0.1:${metricsPort}`],
    ...['--redis', redis.url, '--nats', nats.url, '--insecure'],
  ]);
  const channels = [`127.0.0.1:${port}`, `unix:${socket}`].map(
    (target) => new Channel('identity-allocator', parseTarget(target)!, 'insecure'),
  );
  try {
    const ready = () => fetch(`http://127.0.0.1:${metricsPort}/readyz`);
    const { missing } = (await (await eventually(ready)).json()) as { missing: { name: string }[] };
    expect(missing.map(({ name }) => name)).toEqual([
      'redis',
      'nats',
      'incarnation',
      'relay identities',
      'relay endpoints',
      'relay nodes',
      'stream identities',
    ]);
    await Promise.all([redis.resume(), nats.resume()]);
    await eventually(async () => (await ready()).status === 200);
    for (const channel of channels) expect((await clientOf(IdentityServiceService, channel).list({ labels: [] })).identities).toEqual([]);
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toMatch(/^myelin_identity 0$/m);
    expect(metrics).toMatch(/^myelin_outbox_entries\{kind="nodes"\} 0$/m);
    const rssKib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.child.pid}/status`, 'utf8'))![1]);
    expect(rssKib).toBeLessThan(150 * 1024);
  } finally {
    for (const channel of channels) channel.close();
    const code = await service.stop();
    await Promise.all([redis.stop(), nats.stop()]);
    expect(code).toBe(0);
  }
});
