import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import { componentsOf, openSecurity } from '@myelin/credentials';
import { BucketRecovery, RedisLink, Relay, RowTable, Store } from '@myelin/outbox';
import { RpcServer } from '@myelin/rpc';
import type { Component, ServiceContext } from '@myelin/service';
import { NatsLink, type StreamBatch, StreamConsumer, streamKinds } from '@myelin/state-stream';
import { ObjectStore } from './adapters/object-store.ts';
import type { LbControllerConfig } from './config.ts';
import { BalancedState } from './domain/balanced-state.ts';
import { loadBalancingService } from './handlers/load-balancing-service.ts';

/** Everything that the service runs, in the order in which it starts. */
export function wire(config: LbControllerConfig, { log, metrics, readiness }: ServiceContext): readonly Component[] {
  const { meter } = metrics;
  const security = openSecurity(config, { kind: 'service', name: 'lb-controller' }, { log, readiness });
  const redis = new RedisLink({ url: config.redis, passwordFile: config.redisPasswordFile, log, readiness });
  const nats = new NatsLink({ url: config.nats, name: 'lb-controller', security, log, readiness });
  const recovery = new BucketRecovery({ scope: 'lb-controller', kinds: [streamKinds.services], nats });
  const store = new Store({ redis, nats, recovery, log, readiness });
  const relay = new Relay({ kind: streamKinds.services, redis, store, nats, log, meter, readiness });

  const state = new BalancedState();
  const onBatch = (batch: StreamBatch<ServiceObject>) => state.apply(batch);
  const services = new StreamConsumer({ kind: streamKinds.services, link: nats, onBatch, log, readiness });

  meter.createObservableGauge('service', { description: 'Services' }).addCallback((result) => result.observe(state.serviceCount));
  meter
    .createObservableGauge('service_frontend', { description: 'Frontends of Services' })
    .addCallback((result) => result.observe(state.frontendCount));
  meter
    .createObservableGauge('service_problems', { description: 'Stored Services and slices that this version can not read' })
    .addCallback((result) => result.observe(state.problems.length));

  const server = new RpcServer({
    service: 'lb-controller',
    listen: config.listen,
    listenUnix: config.listenUnix,
    security,
    services: [
      loadBalancingService({
        store: new ObjectStore(new RowTable(streamKinds.services, store)),
        state,
        reached: (revision, timeoutMs) => services.waitFor(revision, timeoutMs),
      }),
    ],
    readiness,
    log,
    meter,
  });
  return [...componentsOf(security), redis, nats, store, relay, services, server];
}
