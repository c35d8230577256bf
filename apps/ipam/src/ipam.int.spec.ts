import { type IpamServiceService as IpamService, IpamServiceService } from '@myelin/contracts/ipam';
import { Channel, clientOf, parseTarget, type RpcClient } from '@myelin/rpc';
import { Lifecycle, Metrics, Readiness, readConfiguration, silentLog } from '@myelin/service';
import { type ChildServer, eventually, freePort, startNats, startRedis } from '@myelin/service/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ipamConfiguration } from './config.ts';
import { wire } from './wiring.ts';

let redis: ChildServer;
let nats: ChildServer;
let cleanUp: (() => unknown)[];
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  redis = await startRedis();
  cleanUp = [() => redis.stop()];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

/** A replica of ipam and a client that talks to it alone. */
async function startIpam(...flags: string[]): Promise<RpcClient<typeof IpamService>> {
  const port = await freePort();
  const args = [
    '--listen',
    `127.0.0.1:${port}`,
    '--metrics-listen',
    '127.0.0.1:0',
    '--redis',
    redis.url,
    '--nats',
    nats.url,
    '--insecure',
    ...flags,
  ];
  const reading = readConfiguration(ipamConfiguration, args, {});
  if (reading.kind !== 'config') throw new Error(JSON.stringify(reading));
  const readiness = new Readiness();
  const components = wire(reading.config, { log: silentLog, metrics: new Metrics('test'), readiness });
  const lifecycle = new Lifecycle(components, { log: silentLog, stopDeadlineMs: 5000 });
  await lifecycle.start();
  const channel = new Channel('ipam', parseTarget(`127.0.0.1:${port}`)!, 'insecure');
  cleanUp.push(
    () => lifecycle.stop(),
    () => channel.close(),
  );
  await eventually(() => readiness.isReady);
  return clientOf(IpamServiceService, channel);
}

describe('a node', () => {
  it('gets one block of each family, the same when it asks again', async () => {
    const ipam = await startIpam();
    const first = await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] });
    expect(first.cidrs).toEqual(['10.244.0.0/24', 'fd00:10:244::/64']);
    expect(await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] })).toEqual(first);
    expect(await ipam.acquireBlocks({ node: 'n1', requestedCidrs: ['10.244.0.0/24'] })).toEqual(first);
    expect((await ipam.acquireBlocks({ node: 'n2', requestedCidrs: [] })).cidrs).toEqual(['10.244.1.0/24', 'fd00:10:244:1::/64']);
  });

  it('keeps its block when Redis is killed and started again', async () => {
    const ipam = await startIpam();
    const { cidrs } = await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] });
    await redis.kill();
    await expect(ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] })).rejects.toMatchObject({ code: 'unavailable' });
    await redis.resume();
    expect((await eventually(() => ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] }))).cidrs).toEqual(cidrs);
  });

  it('gets the ranges that it asks for, and nobody gets them from a pool', async () => {
    const ipam = await startIpam();
    expect((await ipam.acquireBlocks({ node: 'n1', requestedCidrs: ['fd12::/64', '10.244.0.0/25', '192.168.0.0/24'] })).cidrs).toEqual([
      '10.244.0.0/25',
      '192.168.0.0/24',
      'fd12::/64',
    ]);
    expect((await ipam.acquireBlocks({ node: 'n2', requestedCidrs: [] })).cidrs[0]).toBe('10.244.1.0/24');
  });

  it('is refused ranges of another one, and gets none of its wishes then', async () => {
    const ipam = await startIpam();
    await ipam.acquireBlocks({ node: 'n1', requestedCidrs: ['10.9.0.0/16'] });
    await expect(ipam.acquireBlocks({ node: 'n2', requestedCidrs: ['10.8.0.0/24', '10.9.3.0/24'] })).rejects.toMatchObject({
      code: 'already_exists',
      message: 'node n2: requested CIDR 10.9.3.0/24 overlaps 10.9.0.0/16 of node n1',
    });
    expect((await ipam.listBlocks({})).nodes).toEqual([{ node: 'n1', cidrs: ['10.9.0.0/16'] }]);
  });

  it('that has blocks is refused others, with what to do', async () => {
    const ipam = await startIpam();
    await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] });
    await expect(ipam.acquireBlocks({ node: 'n1', requestedCidrs: ['10.9.0.0/24'] })).rejects.toMatchObject({
      code: 'failed_precondition',
      message: "node n1 has 10.244.0.0/24, fd00:10:244::/64 already and can't get 10.9.0.0/24: release its blocks first",
    });
  });

  it('gives its blocks back, once or twice, and another one gets them', async () => {
    const ipam = await startIpam();
    await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] });
    for (let i = 0; i < 2; i++) expect(await ipam.releaseBlocks({ node: 'n1' })).toEqual({});
    expect((await ipam.acquireBlocks({ node: 'n2', requestedCidrs: [] })).cidrs[0]).toBe('10.244.0.0/24');
  });

  it.each([
    ['', []],
    ['Bad_Name', []],
    ['n1', ['10.1.0.0']],
    ['n1', ['10.1.0.1/24']],
    ['n1', ['0.0.0.0/0']],
    ['n1', ['10.1.0.0/16', '10.1.2.0/24']],
  ])('with name %j and wishes %j is refused as invalid', async (node, requestedCidrs) => {
    await expect((await startIpam()).acquireBlocks({ node, requestedCidrs })).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('a pool', () => {
  it('that is used up is said to be, by name', async () => {
    const ipam = await startIpam('--pools', '10.1.0.0/23:24');
    await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] });
    await ipam.acquireBlocks({ node: 'n2', requestedCidrs: [] });
    await expect(ipam.acquireBlocks({ node: 'n3', requestedCidrs: [] })).rejects.toMatchObject({
      code: 'resource_exhausted',
      message: 'node n3: no block is left in 10.1.0.0/23:24: add a pool or release nodes that are gone',
    });
    expect(await ipam.listBlocks({})).toEqual({
      nodes: [
        { node: 'n1', cidrs: ['10.1.0.0/24'] },
        { node: 'n2', cidrs: ['10.1.1.0/24'] },
      ],
      pools: ['10.1.0.0/23:24'],
    });
  });

  it('is followed by the next one of its family', async () => {
    const ipam = await startIpam('--pools', '10.1.0.0/24:24,10.2.0.0/24:24');
    await ipam.acquireBlocks({ node: 'n1', requestedCidrs: [] });
    expect((await ipam.acquireBlocks({ node: 'n2', requestedCidrs: [] })).cidrs).toEqual(['10.2.0.0/24']);
  });
});

it('two replicas never give a block to two nodes', async () => {
  const replicas = [await startIpam(), await startIpam()];
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => replicas[i % 2]!.acquireBlocks({ node: `n${i >> 1}`, requestedCidrs: [] })),
  );
  for (let i = 0; i < 40; i += 2) expect(answers[i]).toEqual(answers[i + 1]);
  expect(new Set(answers.flatMap(({ cidrs }) => cidrs)).size).toBe(40);
});
