import { prefix } from '@myelin/address';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { boundsOf } from '@myelin/outbox';
import { Channel, clientOf, parseTarget, type RpcClient } from '@myelin/rpc';
import { Lifecycle, Metrics, Readiness, readConfiguration, silentLog } from '@myelin/service';
import { type ChildServer, eventually, freePort } from '@myelin/service/testing';
import { allocatorConfiguration } from '../config.ts';
import { wire } from '../wiring.ts';

/** A replica of the allocator, in this process, over real stores. */
export interface TestedAllocator {
  readonly client: RpcClient<typeof IdentityServiceService>;
  readonly readiness: Readiness;
  readonly stop: () => Promise<void>;
}

/** Starts a replica and waits until it is ready. */
export async function startAllocator(redis: ChildServer, nats: ChildServer, flags: readonly string[] = []): Promise<TestedAllocator> {
  const port = await freePort();
  // Nodes of tests report only where that is what is tested.
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
    ...(flags.includes('--lease-ms') ? [] : ['--lease-ms', '600000']),
    ...flags,
  ];
  const reading = readConfiguration(allocatorConfiguration, args, {});
  if (reading.kind !== 'config') throw new Error(JSON.stringify(reading));
  const readiness = new Readiness();
  const components = wire(reading.config, { log: silentLog, metrics: new Metrics('test'), readiness });
  const lifecycle = new Lifecycle(components, { log: silentLog, stopDeadlineMs: 5000 });
  await lifecycle.start();
  const channel = new Channel('identity-allocator', parseTarget(`127.0.0.1:${port}`)!, 'insecure');
  await eventually(() => readiness.isReady);
  const stop = async () => {
    channel.close();
    await lifecycle.stop();
  };
  return { client: clientOf(IdentityServiceService, channel), readiness, stop };
}

/** Redis commands that leave what ipam leaves when it gives these blocks to a node (apps don't import each other). */
export function blockCommands(node: string, cidrs: readonly string[]): string[][] {
  return cidrs.flatMap((cidr) => {
    const { first, last } = boundsOf(prefix(cidr));
    return [
      ['hset', `myelin:ipam:node:${node}`, cidr, `${first} ${last}`],
      ['hset', 'myelin:ipam:blocks', cidr, `${first} ${last} ${node}`],
    ];
  });
}
