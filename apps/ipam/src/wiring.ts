import { IpamServiceService } from '@myelin/contracts/ipam';
import { componentsOf, openSecurity } from '@myelin/credentials';
import { RedisLink, Store } from '@myelin/outbox';
import { implement, RpcServer } from '@myelin/rpc';
import type { Component, ServiceContext } from '@myelin/service';
import { NatsLink } from '@myelin/state-stream';
import { BlockRecovery } from './adapters/block-recovery.ts';
import { BlockTable } from './adapters/block-table.ts';
import type { IpamConfig } from './config.ts';
import { IpamHandlers } from './handlers/ipam-service.ts';

/** The parts of ipam, in the order in which they start. */
export function wire(config: IpamConfig, { log, metrics, readiness }: ServiceContext): readonly Component[] {
  const { meter } = metrics;
  const security = openSecurity(config, { kind: 'service', name: 'ipam' }, { log, readiness });
  const redis = new RedisLink({ url: config.redis, passwordFile: config.redisPasswordFile, log, readiness });
  // For the greatest incarnation, and for the nodes' blocks after a loss: ipam publishes nothing.
  const nats = new NatsLink({ url: config.nats, name: 'ipam', security, log, readiness });
  const recovery = new BlockRecovery({ nats, pools: config.pools, log, waitMs: config.recoveryWaitMs });
  const store = new Store({ redis, nats, recovery, log, readiness });
  const handlers = new IpamHandlers(new BlockTable(store, config.pools), config.pools, log);
  const services = [implement(IpamServiceService, handlers)];
  const server = new RpcServer({
    service: 'ipam',
    listen: config.listen,
    listenUnix: config.listenUnix,
    security,
    services,
    readiness,
    log,
    meter,
  });
  return [...componentsOf(security), redis, nats, store, server];
}
