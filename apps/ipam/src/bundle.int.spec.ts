import { readFileSync } from 'node:fs';
import { IpamServiceService } from '@myelin/contracts/ipam';
import { Channel, clientOf, parseTarget } from '@myelin/rpc';
import { eventually, freePort, startBundle, startNats, startRedis } from '@myelin/service/testing';
import { expect, it } from 'vitest';

it('the bundle starts without its peers, says what is missing, serves once they are there, and stops in order', async () => {
  const [redis, nats, port, metricsPort] = await Promise.all([startRedis(), startNats(), freePort(), freePort()]);
  await Promise.all([redis.kill(), nats.kill()]);
  const flags = [
    '--listen',
    `127.0.0.1:${port}`,
    '--metrics-listen',
    `127.0.0.1:${metricsPort}`,
    '--redis',
    redis.url,
    '--nats',
    nats.url,
    '--insecure',
  ];
  const service = startBundle('ipam', flags);
  const channel = new Channel('ipam', parseTarget(`127.0.0.1:${port}`)!, 'insecure');
  try {
    const ready = () => fetch(`http://127.0.0.1:${metricsPort}/readyz`);
    const response = await eventually(ready);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ready: false, missing: [{ name: 'redis' }, { name: 'nats' }, { name: 'incarnation' }] });
    await Promise.all([redis.resume(), nats.resume()]);
    await eventually(async () => (await ready()).status === 200);
    const { cidrs } = await clientOf(IpamServiceService, channel).acquireBlocks({ node: 'n1', requestedCidrs: [] });
    expect(cidrs).toHaveLength(2);
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toMatch(/^myelin_grpc_server_handled_total\{method="\/myelin.ipam.v1.IpamService\/AcquireBlocks",code="OK"\} 1$/m);
    const rssKib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.child.pid}/status`, 'utf8'))![1]);
    expect(rssKib).toBeLessThan(150 * 1024);
  } finally {
    channel.close();
    const code = await service.stop();
    await Promise.all([redis.stop(), nats.stop()]);
    expect(code).toBe(0);
  }
});
