import type { EndpointSpec as SpecMessage } from '@myelin/contracts/agent';
import { AgentServiceService, type Endpoint, type MonitorRequest, type MonitorResponse } from '@myelin/contracts/agent';
import type { Flow } from '@myelin/contracts/flow';
import type { EndpointRecord, EndpointSpec } from '@myelin/identity-rules';
import { type CallContext, type Handlers, type ImplementedService, implement, MyelinError } from '@myelin/rpc';
import type { FlowFilter } from '../control/flows.ts';
import type { Node } from '../control/node.ts';
import { readSpec, specMessage } from '../domain/endpoint-spec.ts';
import { readVerdicts } from '../domain/event-filter.ts';
import { hardwareAddresses, hostInterfaceName } from '../domain/host-interface.ts';
import { readMap } from './map-rows.ts';
import { readPolicyTables } from './policy-tables.ts';

/** The agent's gRPC service. `node` gives the running node, and throws `unavailable` before there is one. */
export function agentService(node: () => Node): ImplementedService {
  const handlers: Handlers<typeof AgentServiceService> = {
    getStatus: () => node().status(),
    createEndpoint: async ({ spec }) => ({ endpoint: endpointMessage(node(), await node().endpoints.create(specOf(spec))) }),
    updateEndpoint: async ({ spec }) => ({ endpoint: endpointMessage(node(), await node().endpoints.update(specOf(spec))) }),
    deleteEndpoint: async ({ uid }) => {
      await node().endpoints.delete(uid);
      return {};
    },
    getEndpoint: ({ uid }) => {
      const record = node().endpoints.records.find(({ spec }) => spec.uid === uid);
      if (record === undefined) throw new MyelinError('not_found', `there is no endpoint ${uid} on this node`);
      return { endpoint: endpointMessage(node(), record) };
    },
    listEndpoints: () => ({ endpoints: [...node().endpoints.records].sort(byName).map((record) => endpointMessage(node(), record)) }),
    monitor: (request, context) => monitor(node(), request, context),
    readPolicyTables: () => readPolicyTables(node()),
    readMap: ({ map }) => readMap(map, node().tables),
  };
  return implement(AgentServiceService, handlers);
}

/** Whatever the order in which an agent came to know them. */
const byName = ({ spec: a }: EndpointRecord, { spec: b }: EndpointRecord) =>
  a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name) || a.uid.localeCompare(b.uid);

function specOf(message: SpecMessage | undefined): EndpointSpec {
  const reading = readSpec(message);
  if (reading.kind === 'spec') return reading.spec;
  throw new MyelinError('invalid_argument', reading.problems.join('; '));
}

function endpointMessage({ policies }: Node, record: EndpointRecord): Endpoint {
  const { spec, addresses, state, message, slot, assigned, inForce } = record;
  const shown = inForce ?? assigned;
  const isolation = inForce === null ? null : policies.isolation(inForce.identity);
  return {
    spec: specMessage(spec),
    addresses: [...addresses],
    identity: shown?.identity ?? 0,
    identityLabels: [...(shown?.labels ?? [])],
    state,
    message,
    hostInterface: hostInterfaceName(spec.uid),
    mac: hardwareAddresses(spec.uid).pod,
    slot,
    policyDigest: inForce === null ? '' : (policies.digest(inForce.identity) ?? ''),
    ingressIsolated: isolation?.ingress ?? false,
    egressIsolated: isolation?.egress ?? false,
    endpointRevision: inForce?.published ?? undefined,
  };
}

function filterOf({ verdicts: names, pods, identities, ports }: MonitorRequest): FlowFilter {
  const { verdicts, unknown } = readVerdicts(names);
  if (unknown.length > 0)
    throw new MyelinError('invalid_argument', `unknown verdict ${unknown.join(', ')}: expected FORWARDED, DROPPED or AUDIT`);
  return { verdicts, pods, identities, ports };
}

async function* monitor(node: Node, request: MonitorRequest, { signal }: CallContext): AsyncGenerator<MonitorResponse> {
  const filter = filterOf(request);
  const response = (flow: Flow | undefined, lost: bigint): MonitorResponse => ({ flow, nodeName: node.name, time: flow?.time, lost });
  if (!request.follow) {
    if (request.last > 0) for (const flow of await node.flows.last(request.last, filter)) yield response(flow, 0n);
    return;
  }
  for await (const { flows, lost } of node.flows.follow(filter, request.last, signal)) {
    if (flows.length === 0) yield response(undefined, lost);
    for (const [index, flow] of flows.entries()) yield response(flow, index === 0 ? lost : 0n);
  }
}
