import { hash } from 'node:crypto';
import { parseAddress } from '@myelin/address';
import { compareText } from '@myelin/labels';
import type { EndpointSlice, EndpointState, ObjectName, Service, ServiceProtocol, SliceEndpoint, SlicePort } from './model.ts';

/*
 * What Kubernetes' EndpointSlice controller does, for places without it (the lab). As upstream: pods that are selected, have an address and haven't finished; pods that give a port's name different numbers
 * stand in different slices.
 */

/** A pod as far as Services look at it. */
export interface PodState extends ObjectName {
  readonly labels: Readonly<Record<string, string>>;
  /** Canonical text, at most one of each family; empty: none given yet. */
  readonly addresses: readonly string[];
  /** Container ports that have a name. */
  readonly namedPorts: readonly { readonly name: string; readonly protocol: ServiceProtocol; readonly port: number }[];
  readonly node: string | null;
  /** Its condition Ready. */
  readonly ready: boolean;
  /** Somebody has deleted it, and it isn't gone yet. */
  readonly terminating: boolean;
  /** Phase Succeeded or Failed. */
  readonly finished: boolean;
}

/** Most endpoints of one slice, as upstream by default. */
export const endpointsPerSlice = 100;

function stateOf(pod: PodState, { publishNotReadyAddresses }: Service): EndpointState {
  if (publishNotReadyAddresses) return 'ready';
  if (!pod.ready) return 'unready';
  return pod.terminating ? 'terminating' : 'ready';
}

/** Numbers of a Service's ports on one pod; a port whose name the pod hasn't (for that protocol) is left out. */
function portsOn(pod: PodState, service: Service): readonly SlicePort[] {
  return service.ports.flatMap(({ name, protocol, targetPort }) => {
    const port =
      typeof targetPort === 'number'
        ? targetPort
        : pod.namedPorts.find((one) => one.name === targetPort && one.protocol === protocol)?.port;
    return port === undefined ? [] : [{ name, protocol, port }];
  });
}

const selects = (selector: Readonly<Record<string, string>>, { labels }: PodState) =>
  Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);

interface Group {
  readonly family: 4 | 6;
  readonly ports: readonly SlicePort[];
  readonly endpoints: SliceEndpoint[];
}

function slicesOf(service: Service, pods: readonly PodState[]): readonly EndpointSlice[] {
  const { namespace, name, selector } = service;
  if (selector === null) return [];
  const groups = new Map<string, Group>();
  for (const pod of pods.filter((one) => !one.finished && selects(selector, one))) {
    const ports = portsOn(pod, service);
    for (const address of pod.addresses) {
      const { family } = parseAddress(address)!;
      if (!service.families.includes(family)) continue;
      const key = `ipv${family}-${hash('sha256', JSON.stringify(ports)).slice(0, 8)}`;
      const group = groups.get(key) ?? { family, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push({ address, state: stateOf(pod, service), node: pod.node });
    }
  }
  return [...groups].flatMap(([key, { family, ports, endpoints }]) => {
    const count = Math.ceil(endpoints.length / endpointsPerSlice);
    return Array.from({ length: count }, (_, index) => ({
      namespace,
      name: `${name}-${key}-${index}`,
      service: name,
      family,
      ports,
      endpoints: endpoints.slice(index * endpointsPerSlice, (index + 1) * endpointsPerSlice),
    }));
  });
}

/** The slices of all Services that select pods, sorted; a Service without pods has none. Depends on what is there, not on its order. */
export function slicesOfPods(services: readonly Service[], pods: readonly PodState[]): readonly EndpointSlice[] {
  const ofNamespace = new Map<string, PodState[]>();
  for (const pod of pods.toSorted((a, b) => compareText(a.name, b.name))) {
    const list = ofNamespace.get(pod.namespace);
    if (list === undefined) ofNamespace.set(pod.namespace, [pod]);
    else list.push(pod);
  }
  return services
    .flatMap((service) => slicesOf(service, ofNamespace.get(service.namespace) ?? []))
    .sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name));
}
