import { type Address, type Prefix, parsePrefix } from '@myelin/address';
import type { EndpointAddress, Node as NodeRow } from '@myelin/contracts/identity';
import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import { componentsOf, openSecurity } from '@myelin/credentials';
import type { Datapath } from '@myelin/datapath';
import { timestamp } from '@myelin/flow-api';
import type { TableSize } from '@myelin/loadbalancing';
import { Channel, parseTarget } from '@myelin/rpc';
import type { Component, ServiceContext } from '@myelin/service';
import { NatsLink, type StreamBatch, StreamConsumer, streamKinds } from '@myelin/state-stream';
import { AppliedReports } from './adapters/applied-reports.ts';
import { Blocks } from './adapters/blocks.ts';
import { Events } from './adapters/events.ts';
import { claimsOf, IdentitySession } from './adapters/identity-session.ts';
import { localAddresses } from './adapters/local-addresses.ts';
import { Masquerade } from './adapters/masquerade.ts';
import { MemoryReturn } from './adapters/memory.ts';
import { PeerRoutes } from './adapters/peer-routes.ts';
import { PolicySubscription } from './adapters/policy-subscription.ts';
import type { ProbedFeature } from './adapters/requirements.ts';
import { StateFolder } from './adapters/state-folder.ts';
import type { NodeAgentConfig } from './config.ts';
import { EndpointKernel } from './control/endpoint-kernel.ts';
import { EndpointStore } from './control/endpoint-store.ts';
import { Endpoints } from './control/endpoints.ts';
import { Flows } from './control/flows.ts';
import { Names } from './control/names.ts';
import type { Node } from './control/node.ts';
import { delayHistogram, observeNode } from './control/node-metrics.ts';
import { OtherNodes } from './control/other-nodes.ts';
import { Peers } from './control/peers.ts';
import { Policies } from './control/policies.ts';
import { keptTableOptions, Services } from './control/services.ts';
import { readStatus } from './control/status.ts';
import { TcxMoves } from './control/tcx-moves.ts';
import type { Underlay } from './control/underlay.ts';
import { rowsToPresent } from './domain/known-rows.ts';

/** A node whose parts are put together and not yet started. */
export interface WiredNode {
  readonly node: Node;
  /** Brings the kernel to what was written down. */
  restore(): Promise<void>;
  /** What talks to peers, in the order in which it starts. */
  readonly components: readonly Component[];
}

/** Puts a node together over its datapath. Read it top to bottom. */
export function wireNode(
  config: NodeAgentConfig,
  context: ServiceContext,
  datapath: Datapath,
  features: readonly ProbedFeature[],
  underlay: Underlay,
): WiredNode {
  const { log, metrics, readiness } = context;
  const { meter } = metrics;
  const started = timestamp(BigInt(Date.now()) * 1_000_000n);
  const state = new StateFolder(config.stateDir);
  const security = openSecurity(config, { kind: 'node', name: config.node }, context);
  const channels = {
    identity: new Channel('identity-allocator', parseTarget(config.identity)!, security),
    policy: new Channel('policy-compiler', parseTarget(config.policy)!, security),
    ipam: new Channel('ipam', parseTarget(config.ipam)!, security),
  };
  const nats = new NatsLink({ url: config.nats, name: `node-agent ${config.node}`, security, log, readiness });

  const blocks = new Blocks({ node: config.node, requested: config.podCidr, channel: channels.ipam, state, log, readiness });
  const description = { name: config.node, uid: config.nodeUid, addresses: config.address };
  const session = new IdentitySession({
    node: description,
    blocks,
    channel: channels.identity,
    state,
    log,
    meter,
    readiness,
    refusedRetryMs: 10_000,
    known: (beyond) => ({
      claims: claimsOf(endpoints.records),
      rows: rowsToPresent([
        { kind: 'identities', rows: identityStream.known(), beyond: beyond.identities },
        { kind: 'endpoints', rows: endpointStream.known(), beyond: beyond.endpoints },
        { kind: 'nodes', rows: nodeStream.known(), beyond: beyond.nodes },
      ]),
    }),
    onLoss: () => blocks.present(),
    confirmed: (signal) => endpoints.confirmed(signal),
    onRegistered: (continued) => {
      applied.again();
      if (!continued) endpoints.claimAgain();
    },
  });
  const applied: AppliedReports = new AppliedReports({ session, log, everyMs: 5000 });

  const delay = delayHistogram(meter);
  const policies: Policies = new Policies({
    kernel: datapath,
    state,
    log,
    subjects: () => endpoints.subjects(),
    onApplied: () => {
      applied.identitiesApplied(policies.reached);
      endpoints.policiesApplied();
    },
    onWishes: () => subscription.ask(),
    onDelay: (seconds) => delay.record(seconds),
  });
  const identityOf = (address: Address) => datapath.addresses.read(address)?.identity ?? datapath.prefixes.identityOf(address);
  const names = new Names(config.node, config.cluster, policies, identityOf);
  const store = new EndpointStore(state);
  const nodeAddresses = Object.fromEntries(config.address.toReversed().map((address) => [address.family, address]));
  const moves = new TcxMoves(datapath.attachments, log);
  const kernel = new EndpointKernel(datapath, moves, { nodeAddresses, mtu: underlay.mtu });
  const endpoints: Endpoints = new Endpoints({
    cluster: config.cluster,
    store,
    kernel,
    slots: datapath.endpoints,
    session,
    policies,
    others: new OtherNodes({ session, isNative: config.routing === 'native', log, meter }),
    addresses: { waitFor: (revision, timeoutMs) => endpointStream.waitFor(revision, timeoutMs) },
    log,
    createTimeoutMs: config.createTimeoutMs,
    onChange: (record, isGone) => names.endpointChanged(record, isGone),
  });
  const subscription: PolicySubscription = new PolicySubscription({
    node: config.node,
    channel: channels.policy,
    wishes: () => policies.wishes(),
    onBatch: (batch) => policies.applyBatch(batch),
    log,
    readiness,
  });

  const routes = new PeerRoutes(log);
  const masquerade = new Masquerade(log, readiness);
  const peers = new Peers({
    node: config.node,
    nodeAddresses: config.address,
    hostAddresses: localAddresses(config.address),
    exclusions: config.masqueradeExclude,
    knownRanges: policies.storedRanges().flatMap((text) => parsePrefix(text) ?? []),
    addresses: datapath.addresses,
    nodes: datapath.nodes,
    underlay,
    state,
    log,
    localPeers: () => endpoints.localPeers(),
    onClusterRanges: (ranges) => policies.setClusterRanges(ranges),
    onMasquerade: (ranges) => masquerade.set(ranges),
    onRoutes: (peerRoutes, complete) => routes.set(peerRoutes, complete),
  });
  const services = new Services({
    kernel: datapath.services,
    table: keptTableOptions(state, { size: Number(config.maglevTableSize) as TableSize, seed: config.cluster }, log),
    log,
  });
  const memory = new MemoryReturn();
  const onNodes = async (batch: StreamBatch<NodeRow>) => {
    await peers.applyNodes(batch);
    applied.nodesApplied(batch.revision);
  };
  const onEndpoints = async (batch: StreamBatch<EndpointAddress>) => {
    names.applyEndpoints(batch);
    await peers.applyEndpoints(batch);
    memory.handled(batch.changed.length);
    applied.endpointsApplied(batch.revision);
    if (batch.snapshotComplete)
      endpoints.reconcileHeld(batch.changed.filter(({ row }) => row.node === config.node).map(({ row }) => row.endpointUid));
  };
  const onServices = async (batch: StreamBatch<ServiceObject>) => {
    names.applyServices(batch);
    await services.applyBatch(batch);
    memory.handled(batch.changed.length);
  };
  const serviceStream = new StreamConsumer({ kind: streamKinds.services, link: nats, onBatch: onServices, log, readiness });
  // Their rows are kept: the allocator may lose them (design C4).
  const kept = { link: nats, keepsRows: true, log, readiness };
  const endpointStream = new StreamConsumer({ kind: streamKinds.endpoints, onBatch: onEndpoints, ...kept });
  const nodeStream = new StreamConsumer({ kind: streamKinds.nodes, onBatch: onNodes, ...kept });
  const identityStream = new StreamConsumer({ kind: streamKinds.identities, onBatch: (batch) => names.applyIdentities(batch), ...kept });
  const streams = [identityStream, nodeStream, endpointStream, serviceStream];

  const events: Events = new Events({ bpffs: config.bpffs, log, onRecords: (records, lost) => flows.take(records, lost) });
  const flows: Flows = new Flows({ events, names, kernelLost: () => datapath.eventsLost() });
  observeNode(meter, { datapath, endpoints, names, flows });

  let known: readonly Prefix[] | null = null;
  const useBlocks: Component = {
    name: 'use of address blocks',
    start: () => {
      blocks.known().then(
        async (prefixes) => {
          known = prefixes;
          store.setBlocks(prefixes);
          await peers.setBlocks(prefixes);
        },
        () => {},
      );
    },
  };
  const peerServices = [
    { name: 'identity-allocator', address: config.identity, condition: 'node registration' },
    { name: 'policy-compiler', address: config.policy, condition: 'policy' },
    { name: 'ipam', address: config.ipam, condition: 'address blocks' },
    { name: 'nats', address: config.nats, condition: 'nats' },
  ];
  const sources = {
    name: config.node,
    addresses: config.address,
    datapath,
    features,
    endpoints,
    policies,
    services,
    session,
    streams: { endpoints: endpointStream, nodes: nodeStream, services: serviceStream },
    readiness,
    peers: peerServices,
    started,
  };
  const closeChannels: Component = {
    name: 'channels',
    stop: () => {
      for (const channel of Object.values(channels)) channel.close();
    },
  };
  return {
    node: { name: config.node, endpoints, policies, flows, tables: datapath, status: () => readStatus({ ...sources, blocks: known }) },
    restore: async () => {
      await policies.restore();
      peers.start();
      await endpoints.resume();
    },
    components: [
      ...componentsOf(security),
      closeChannels,
      moves,
      blocks,
      useBlocks,
      session,
      applied,
      nats,
      ...streams,
      subscription,
      events,
    ],
  };
}
