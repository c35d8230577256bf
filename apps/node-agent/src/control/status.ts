import { type Address, formatAddress, formatPrefix, type Prefix } from '@myelin/address';
import type { GetStatusResponse } from '@myelin/contracts/agent';
import type { Timestamp } from '@myelin/contracts/timestamp';
import type { Datapath } from '@myelin/datapath';
import { type Readiness, version } from '@myelin/service';
import type { StreamConsumer } from '@myelin/state-stream';
import type { IdentitySession } from '../adapters/identity-session.ts';
import type { ProbedFeature } from '../adapters/requirements.ts';
import type { Endpoints } from './endpoints.ts';
import type { Policies } from './policies.ts';
import type { Services } from './services.ts';

/** A peer service: readiness says whether it is there. */
export interface PeerDescription {
  readonly name: string;
  readonly address: string;
  /** The readiness condition that tells. */
  readonly condition: string;
}

/** What the status is read from. */
export interface StatusSources {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly datapath: Datapath;
  readonly features: readonly ProbedFeature[];
  readonly endpoints: Endpoints;
  readonly policies: Policies;
  readonly services: Pick<Services, 'problems'>;
  readonly session: Pick<IdentitySession, 'registrationRevision' | 'announcedRevision'>;
  readonly streams: Readonly<Record<'endpoints' | 'nodes' | 'services', Pick<StreamConsumer<unknown>, 'revision'>>>;
  readonly readiness: Readiness;
  readonly peers: readonly PeerDescription[];
  readonly started: Timestamp;
  /** Null: ipam has not answered yet. */
  readonly blocks: readonly Prefix[] | null;
}

/** The node's status. A revision counts as applied only while the kernel's own digests say what was applied at it. */
export function readStatus({
  name,
  addresses,
  datapath,
  features,
  endpoints,
  policies,
  services,
  session,
  streams,
  readiness,
  peers,
  started,
  blocks,
}: StatusSources): GetStatusResponse {
  const deviations = policies.deviations();
  const problems = [
    ...policies.problems,
    ...services.problems,
    ...deviations.map((identity) => `the kernel's policy of identity ${identity} is not the one that was applied`),
  ];
  const missing = new Map(readiness.missing.map((condition) => [condition.name, condition.reason]));
  const isSound = deviations.length === 0;
  const records = endpoints.records;
  return {
    node: name,
    version,
    addresses: addresses.map(formatAddress),
    podCidrs: (blocks ?? []).map(formatPrefix),
    ready: readiness.isReady,
    missing: readiness.missing.map((condition) => `${condition.name}: ${condition.reason}`),
    appliedPolicyRevision: isSound ? policies.applied.policy : undefined,
    appliedIdentityRevision: isSound ? policies.applied.identity : undefined,
    endpoints: records.length,
    endpointsReady: records.filter(({ state }) => state === 'ready').length,
    features: features.map((feature) => ({ ...feature })),
    maps: datapath.pressure().map(({ table, entries, capacity }) => ({ map: table, entries: BigInt(entries), capacity: BigInt(capacity) })),
    services: peers.map(({ name: peer, address, condition }) => ({
      name: peer,
      address,
      connected: !missing.has(condition),
      error: missing.get(condition) ?? '',
    })),
    lastError: problems[0] ?? endpoints.lastError,
    started,
    appliedEndpointRevision: streams.endpoints.revision ?? undefined,
    appliedNodeRevision: streams.nodes.revision ?? undefined,
    registrationRevision: session.registrationRevision ?? undefined,
    announcedEndpointRevision: session.announcedRevision ?? undefined,
    appliedServiceRevision: streams.services.revision ?? undefined,
  };
}
