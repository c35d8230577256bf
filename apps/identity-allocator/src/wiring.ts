import { IdentityServiceService } from '@myelin/contracts/identity';
import { componentsOf, openSecurity } from '@myelin/credentials';
import { Reports } from '@myelin/identity-rules';
import { RedisLink, Relay, RowTable, Store } from '@myelin/outbox';
import { implement, RpcServer } from '@myelin/rpc';
import type { Component, ServiceContext } from '@myelin/service';
import { NatsLink, StreamConsumer, type StreamKind, streamKinds } from '@myelin/state-stream';
import { IdentityRecovery } from './adapters/recovery.ts';
import { Registry } from './adapters/registry.ts';
import { ReportFeed } from './adapters/report-feed.ts';
import type { AllocatorConfig } from './config.ts';
import { IdentityFeed } from './domain/identity-feed.ts';
import { identityService } from './handlers/identity-service.ts';

/** The parts of identity-allocator, in the order in which they start. */
export function wire(config: AllocatorConfig, { log, metrics, readiness }: ServiceContext): readonly Component[] {
  const { meter } = metrics;
  const security = openSecurity(config, { kind: 'service', name: 'identity-allocator' }, { log, readiness });
  const redis = new RedisLink({ url: config.redis, passwordFile: config.redisPasswordFile, log, readiness });
  const nats = new NatsLink({ url: config.nats, name: 'identity-allocator', security, log, readiness });
  const recovery = new IdentityRecovery({ nats, log, waitMs: config.recoveryWaitMs, leaseMs: config.leaseMs });
  const store = new Store({ redis, nats, recovery, log, readiness });
  const relayOf = <Row>(kind: StreamKind<Row>) => new Relay({ kind, redis, store, nats, log, meter, readiness });
  const relays = [relayOf(streamKinds.identities), relayOf(streamKinds.endpoints), relayOf(streamKinds.nodes)];

  // What is published comes back by the stream, as every consumer sees it: watchers are told from there.
  const feed = new IdentityFeed();
  const stream = new StreamConsumer({ kind: streamKinds.identities, link: nats, onBatch: (batch) => feed.apply(batch), log, readiness });
  meter.createObservableGauge('identity', { description: 'Identities in use' }).addCallback((result) => result.observe(feed.size));

  const registry = new Registry(store, config);
  const reports = new Reports();
  const reportFeed = new ReportFeed({ redis, registry, reports, log, readAgainMs: 5000, forgetAfterMs: config.forgetAfterMs });

  const { announceWithinMs, appliedWithinMs, listen, listenUnix } = config;
  const identities = new RowTable(streamKinds.identities, store);
  const handlers = identityService({
    registry,
    store,
    recovery,
    identities,
    stream,
    feed,
    reports,
    announceWithinMs,
    appliedWithinMs,
    log,
  });
  const services = [implement(IdentityServiceService, handlers)];
  const server = new RpcServer({ service: 'identity-allocator', listen, listenUnix, security, services, readiness, log, meter });
  return [...componentsOf(security), redis, nats, store, ...relays, stream, reportFeed, server];
}
