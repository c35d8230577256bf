import { parseAddress } from '@myelin/address';
import {
  type Identity,
  type IdentityServiceService,
  RegisterNodeResponse,
  type WatchResponse,
  type WhoIsResponse,
} from '@myelin/contracts/identity';
import type { Reports } from '@myelin/identity-rules';
import { identityRanges, parseLabel, type ReservedName, reservedIdentities, reservedLabels, reservedName } from '@myelin/labels';
import type { RowTable, Store } from '@myelin/outbox';
import type { Handlers } from '@myelin/rpc';
import { isMyelinError, type Log, MyelinError } from '@myelin/service';
import { type StreamConsumer, streamKinds } from '@myelin/state-stream';
import type { IdentityRecovery } from '../adapters/recovery.ts';
import type { Registry } from '../adapters/registry.ts';
import type { IdentityFeed } from '../domain/identity-feed.ts';
import { hasLabels, preferredNumbers, readLabelSet } from '../domain/label-set.ts';
import { awaitApplied, isAppliedByOthers, reportApplied } from './applied.ts';
import { takeState } from './present.ts';
import { endpointRefusal, registerRefusal, sessionRefusal } from './refusal.ts';
import { readAddresses, readNodeName, readPodCidrs, readSession, readWord } from './request.ts';

type Service = Handlers<typeof IdentityServiceService>;

/** What the handlers work with. */
export interface IdentityServiceParts {
  readonly registry: Registry;
  /** Says whether rows that Redis has lost are on their way back. */
  readonly store: Store;
  readonly recovery: Pick<IdentityRecovery, 'includes'>;
  readonly identities: RowTable<Identity>;
  readonly stream: Pick<StreamConsumer<Identity>, 'waitFor'>;
  readonly feed: IdentityFeed;
  readonly reports: Reports;
  /** How long a new number may take to be announced. */
  readonly announceWithinMs: number;
  /** How long other nodes are waited for. */
  readonly appliedWithinMs: number;
  readonly log: Log;
}

/** myelin.identity.v1.IdentityService. */
export function identityService(parts: IdentityServiceParts): Service {
  return {
    registerNode: (request) => register(parts, request),
    presentState: (request) => takeState(parts.store, request),
    activateNode: async (request) => {
      const session = readSession(request.node, request.session);
      const result = await parts.registry.activate(session);
      if (result.outcome === 'ok') return { revision: result.revision };
      if (result.outcome !== 'behind') throw sessionRefusal(`node ${session.node}`, session.node, result);
      throw new MyelinError('unavailable', `node ${session.node} has not applied yet what was current when it registered`);
    },
    removeNode: async (request) => {
      const name = readNodeName(request.name);
      const { nodes: nodeRevision, endpoints: endpointRevision } = await parts.registry.removeNode(name);
      parts.log.info({ node: name }, 'node taken away');
      return { nodeRevision, endpointRevision };
    },
    allocate: (request) => allocate(parts, request),
    moveAddresses: async (request) => {
      const uid = readWord('endpoint UID', request.endpointUid);
      const result = await parts.registry.moveAddresses(readSession(request.node, request.session), uid, request.identity);
      if (result.outcome !== 'ok') throw endpointRefusal(request.node, uid, result);
      return { endpointRevision: result.endpointRevision };
    },
    release: async (request) => {
      const uid = readWord('endpoint UID', request.endpointUid);
      const result = await parts.registry.release(readSession(request.node, request.session), uid, request.keep);
      if (result.outcome !== 'ok') throw endpointRefusal(request.node, uid, result);
      return { endpointRevision: result.endpointRevision };
    },
    reportApplied: (request) => reportApplied(parts, request),
    awaitApplied: (request, { signal }) => awaitApplied(parts, request, signal),
    get: async ({ number }) => {
      const reserved = reservedName(number);
      if (reserved !== null) return { identity: reservedIdentity(reserved) };
      const [found] = await parts.identities.get([`${number}`]);
      if (found == null) throw new MyelinError('not_found', `nobody has identity ${number}`);
      return { identity: found.row };
    },
    list: async (request) => {
      const wanted = request.labels.map((text) => {
        const label = parseLabel(text);
        if (label === null) throw new MyelinError('invalid_argument', `label "${text}" is not of the form source:key=value or key=value`);
        return label;
      });
      const { rows, revision } = await parts.identities.list();
      const identities = rows.map(({ row }) => row).filter(({ labels }) => hasLabels(labels, wanted));
      return { identities: identities.sort((a, b) => a.number - b.number), revision };
    },
    whoIs: (request) => whoIs(parts, request.address),
    watch: (_request, { signal }) => watch(parts.feed, signal),
  };
}

type RequestOf<K extends keyof Service> = Parameters<Service[K]>[0];

async function register(
  { registry, store, recovery, log }: IdentityServiceParts,
  request: RequestOf<'registerNode'>,
): Promise<Awaited<ReturnType<Service['registerNode']>>> {
  const name = readNodeName(request.name);
  if (store.recovering !== null) return questionTo(recovery);
  const uid = readWord('node UID', request.uid);
  const result = await registry.register(
    { name, uid },
    readAddresses(`node ${name}`, request.addresses),
    readPodCidrs(name, request.podCidrs),
  );
  if (result.outcome !== 'ok') throw registerRefusal(name, result);
  const { registration, revision, continued } = result;
  log.info({ node: name, uid, registration: `${registration}` }, 'node registered');
  return RegisterNodeResponse.fromPartial({ registration, revision: revision ?? undefined, continued, active: revision !== null });
}

/** Asks a node for what it knows. */
function questionTo(recovery: IdentityServiceParts['recovery']): RegisterNodeResponse {
  return RegisterNodeResponse.fromPartial({
    present: true,
    knownIdentityRevision: recovery.includes(streamKinds.identities),
    knownEndpointRevision: recovery.includes(streamKinds.endpoints),
    knownNodeRevision: recovery.includes(streamKinds.nodes),
  });
}

async function allocate(parts: IdentityServiceParts, request: RequestOf<'allocate'>): Promise<Awaited<ReturnType<Service['allocate']>>> {
  const { registry, stream, announceWithinMs } = parts;
  const session = readSession(request.node, request.session);
  const uid = readWord('endpoint UID', request.endpointUid);
  const { namespace, name } = request;
  const reading = readLabelSet(request.labels);
  if ('problem' in reading) throw new MyelinError('invalid_argument', `endpoint ${uid} of node ${session.node}: ${reading.problem}`);
  const { labels } = reading;
  const addresses = readAddresses(`endpoint ${uid} of node ${session.node}`, request.addresses);
  const preferred = [...claimedNumber(request.claimed), ...preferredNumbers(labels)];
  const result = await registry.allocate(session, { uid, namespace, name, labels, addresses, preferred });
  if (result.outcome !== 'ok') throw endpointRefusal(session.node, uid, result);
  const { number: identity, identityRevision, endpointRevision, isPublished, reportOrder } = result;
  // C4: a number that nobody has heard of is not answered. It is recorded, so that the same call later gets the same one.
  if (!isPublished)
    await stream.waitFor(identityRevision, announceWithinMs).catch((error) => Promise.reject(notAnnounced(identity, error)));
  return {
    identity,
    identityRevision,
    endpointRevision,
    identityApplied: isAppliedByOthers(parts, session.node, identityRevision, reportOrder),
  };
}

/** A number that the endpoint had, where labels can have it. */
function claimedNumber(number: number): readonly number[] {
  const { first, last } = identityRanges.cluster;
  return number >= first && number <= last ? [number] : [];
}

function notAnnounced(identity: number, cause: unknown): unknown {
  if (!isMyelinError(cause, 'deadline_exceeded')) return cause;
  return new MyelinError('unavailable', `identity ${identity} is not announced yet: is NATS running? Call again`, { cause });
}

async function whoIs({ registry }: IdentityServiceParts, text: string): Promise<WhoIsResponse> {
  const address = parseAddress(text);
  if (address === null) throw new MyelinError('invalid_argument', `"${text}" is no IP address`);
  const result = await registry.whoIs(address);
  if (result.outcome === 'endpoint') {
    const { identity, node, namespace, name } = result.endpoint;
    return { identity: result.identity ?? { number: identity, labels: [] }, node, namespace, name };
  }
  const nobody = { node: '', namespace: '', name: '' };
  // Whose node it is depends on who asks: to all but itself it is a remote one.
  if (result.outcome === 'node') return { ...nobody, identity: reservedIdentity('remote-node'), node: result.node };
  return { ...nobody, identity: reservedIdentity(result.outcome) };
}

function reservedIdentity(name: ReservedName): Identity {
  return { number: reservedIdentities[name], labels: [...reservedLabels(name)] };
}

async function* watch(feed: IdentityFeed, signal: AbortSignal): AsyncGenerator<WatchResponse> {
  const watcher = feed.watch();
  let wake = () => {};
  const onNews = () => wake();
  watcher.onNews = onNews;
  signal.addEventListener('abort', onNews, { once: true });
  try {
    while (!signal.aborted) {
      // Before looking, so that news in between is not slept over.
      const news = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const messages = watcher.take();
      yield* messages;
      if (messages.length === 0) await news;
    }
  } finally {
    watcher.close();
  }
}
