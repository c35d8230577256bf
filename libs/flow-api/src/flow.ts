import { formatAddress } from '@myelin/address';
import {
  DropReason,
  type Endpoint,
  Flow,
  FlowType,
  IPVersion,
  TraceObservationPoint,
  TraceReason,
  TrafficDirection,
} from '@myelin/contracts/flow';
import type { Timestamp } from '@myelin/contracts/timestamp';
import { isNodeLocal, reservedIdentities } from '@myelin/labels';
import { policyFields } from './deciders.ts';
import { layer4, summary } from './layer4.ts';
import type { FlowNames, NamedEndpoint, PacketEnd, PacketEvent } from './packet-event.ts';

/** Upstream's numbers of monitor message types (`Flow.event_type.type`). */
export const eventTypes = Object.freeze({ drop: 1, trace: 4, 'policy-verdict': 5 } as const);

const nanosecondsPerSecond = 1_000_000_000n;

/** Nanoseconds since 1970 as a protobuf timestamp. */
export function timestamp(nanoseconds: bigint): Timestamp {
  return { seconds: nanoseconds / nanosecondsPerSecond, nanos: Number(nanoseconds % nanosecondsPerSecond) };
}

/** Number that others may read: what this node numbers by itself is `world` to them, its labels say the prefix. */
export function shownIdentity(identity: number): number {
  return isNodeLocal(identity) ? reservedIdentities.world : identity;
}

/** Who stands at one end. `pod`: by name, where it is one. */
interface Party {
  readonly identity: number;
  readonly pod: NamedEndpoint | null;
}

/** A pod of this node is known by the slot that its packets come in at: the address that they claim may be another's. */
function partyInSlot({ slot, identity }: PacketEnd, names: FlowNames): Party {
  const pod = names.endpointInSlot(slot);
  return { identity: identity || (pod?.identity ?? 0), pod };
}

/** Where the kernel had no identity because it hadn't looked yet, the address has one now, as in the field's other implementation. */
function partyAt({ address, identity }: PacketEnd, names: FlowNames): Party {
  // A Service's address is nobody's: neither a pod's nor the world's.
  const isService = names.service(address) !== null;
  return { identity: identity || (isService ? 0 : names.identityOf(address)), pod: names.endpoint(address) };
}

function partyOf(event: PacketEvent, side: 'source' | 'destination', names: FlowNames): Party {
  const end = event[side];
  if (end.slot > 0) return partyInSlot(end, names);
  const isForged = side === 'source' && event.reason === DropReason.INVALID_SOURCE_IP;
  return event.family === 0 || isForged ? { identity: end.identity, pod: null } : partyAt(end, names);
}

function endpoint(event: PacketEvent, side: 'source' | 'destination', names: FlowNames): Endpoint {
  const { identity, pod } = partyOf(event, side, names);
  return {
    ID: event[side].slot,
    identity: shownIdentity(identity),
    namespace: pod?.namespace ?? '',
    labels: [...names.labels(identity)],
    podName: pod?.name ?? '',
    clusterName: pod === null ? '' : names.clusterName,
  };
}

/** Of the flow, not of the packet: a drop says at which end it was decided; a flow that passed is seen where it left a pod of this node, else where it came in. Its replies go the other way. */
function trafficDirection({ direction, source, isReply }: PacketEvent): TrafficDirection {
  const seen = direction ?? (source.slot > 0 === (isReply !== true) ? 'egress' : 'ingress');
  return seen === 'egress' ? TrafficDirection.EGRESS : TrafficDirection.INGRESS;
}

const knownReasons: ReadonlySet<number> = new Set(Object.values(DropReason));

function dropFields({ kind, reason }: PacketEvent): Partial<Flow> {
  if (kind !== 'drop') return {};
  const known = knownReasons.has(reason) ? (reason as DropReason) : DropReason.DROP_REASON_UNKNOWN;
  return { dropReason: reason, dropReasonDesc: known, eventType: { type: eventTypes.drop, subType: reason } };
}

function closeFields({ kind, destination, isReply }: PacketEvent): Partial<Flow> {
  if (kind !== 'close') return {};
  const point = destination.slot > 0 ? TraceObservationPoint.TO_ENDPOINT : TraceObservationPoint.TO_STACK;
  const subType = destination.slot > 0 ? 0 : 3;
  return {
    eventType: { type: eventTypes.trace, subType },
    traceObservationPoint: point,
    traceReason: isReply ? TraceReason.REPLY : TraceReason.ESTABLISHED,
  };
}

/** What upstream has no field for is said in words. */
function fullSummary(event: PacketEvent): string {
  const line = summary(event);
  if (event.kind === 'close') return `${line} (closed after ${event.packets} packets, ${event.bytes} bytes)`;
  return event.repeats === 0 ? line : `${line} (and ${event.repeats} more like it)`;
}

/** What a flow's summary says beyond the packet: how many more it stands for, or how much a closed flow carried. '': nothing. */
export function remark({ Summary }: Pick<Flow, 'Summary'>): string {
  return / \(([^()]*)\)$/.exec(Summary)?.[1] ?? '';
}

/** The flow that stock clients of the observer API read; numbers get their names from `names`. */
export function flowOf(event: PacketEvent, names: FlowNames): Flow {
  const { family, source, destination } = event;
  const interfaceName = names.interfaceName(event.interfaceIndex);
  return Flow.fromPartial({
    time: timestamp(event.time),
    verdict: event.verdict as Flow['verdict'],
    ethernet: source.mac === '' ? undefined : { source: source.mac, destination: destination.mac },
    ...(family === 0
      ? {}
      : {
          IP: {
            source: formatAddress(source.address),
            destination: formatAddress(destination.address),
            ipVersion: family === 4 ? IPVersion.IPv4 : IPVersion.IPv6,
          },
          l4: layer4(event),
          sourceService: names.service(source.address) ?? undefined,
          destinationService: names.service(destination.address) ?? undefined,
        }),
    source: endpoint(event, 'source', names),
    destination: endpoint(event, 'destination', names),
    Type: FlowType.L3_L4,
    nodeName: names.nodeName,
    reply: event.isReply === true,
    isReply: event.isReply ?? undefined,
    eventType: { type: eventTypes['policy-verdict'], subType: 0 },
    trafficDirection: trafficDirection(event),
    interface: event.interfaceIndex === 0 ? undefined : { index: event.interfaceIndex, name: interfaceName ?? '' },
    Summary: fullSummary(event),
    ...dropFields(event),
    ...closeFields(event),
    ...policyFields(event, names),
  });
}
