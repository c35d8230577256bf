import type { Identity } from '@myelin/contracts/identity';
import type { PolicyRow } from '@myelin/contracts/policy';
import { componentsOf, openSecurity } from '@myelin/credentials';
import { BucketRecovery, RedisLink, Relay, RowTable, Store } from '@myelin/outbox';
import { RpcServer } from '@myelin/rpc';
import type { Component, ServiceContext } from '@myelin/service';
import { NatsLink, type StreamBatch, StreamConsumer, streamKinds } from '@myelin/state-stream';
import { PolicyStore, readRow } from './adapters/policy-store.ts';
import type { PolicyCompilerConfig } from './config.ts';
import { CompiledState } from './domain/compiled-state.ts';
import { policyService } from './handlers/policy-service.ts';
import { Subscriptions } from './handlers/subscriptions.ts';

/** Everything that the service runs, in the order in which it starts. */
export function wire(config: PolicyCompilerConfig, { log, metrics, readiness }: ServiceContext): readonly Component[] {
  const { meter } = metrics;
  const security = openSecurity(config, { kind: 'service', name: 'policy-compiler' }, { log, readiness });
  const redis = new RedisLink({ url: config.redis, passwordFile: config.redisPasswordFile, log, readiness });
  const nats = new NatsLink({ url: config.nats, name: 'policy-compiler', security, log, readiness });
  const recovery = new BucketRecovery({ scope: 'policy-compiler', kinds: [streamKinds.policies], nats });
  const store = new Store({ redis, nats, recovery, log, readiness });
  const relay = new Relay({ kind: streamKinds.policies, redis, store, nats, log, meter, readiness });

  const state = new CompiledState();
  const subscriptions = new Subscriptions(state, log);
  const onIdentities = ({ changed, removed, revision }: StreamBatch<Identity>) =>
    subscriptions.viewChanged(
      state.applyIdentities({ changed: changed.map(({ row }) => row), removedKeys: removed.map(({ key }) => key), revision }),
    );
  const onPolicies = ({ changed, removed, revision }: StreamBatch<PolicyRow>) =>
    subscriptions.viewChanged(
      state.applyPolicies({ changed: changed.map(({ row }) => readRow(row)), removedKeys: removed.map(({ key }) => key), revision }),
    );
  const identities = new StreamConsumer({ kind: streamKinds.identities, link: nats, onBatch: onIdentities, log, readiness });
  const policies = new StreamConsumer({ kind: streamKinds.policies, link: nats, onBatch: onPolicies, log, readiness });

  meter.createObservableGauge('policy', { description: 'Policies in force' }).addCallback((result) => result.observe(state.policyCount));
  meter
    .createObservableGauge('policy_problems', { description: 'Stored policies that this version can not enforce' })
    .addCallback((result) => result.observe(state.problems.length));
  meter
    .createObservableGauge('policy_subscriptions', { description: 'Nodes that subscribe at this replica' })
    .addCallback((result) => result.observe(subscriptions.count));

  const service = policyService(new PolicyStore(new RowTable(streamKinds.policies, store)), store, state, subscriptions);
  const server = new RpcServer({
    service: 'policy-compiler',
    listen: config.listen,
    listenUnix: config.listenUnix,
    security,
    services: [service],
    readiness,
    log,
    meter,
  });
  return [...componentsOf(security), redis, nats, store, relay, identities, policies, server];
}
