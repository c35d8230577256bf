import { type Prefix, parseAddress } from '@myelin/address';
import { type EndpointSlice, giveClusterIps, type PodState as PodOfServices, type Service, slicesOfPods } from '@myelin/loadbalancing';
import { namedPorts } from './changes.ts';
import { type LabService, podKey } from './objects.ts';
import type { PodState } from './state.ts';

/*
 * What the API server and Kubernetes' EndpointSlice controller do for Services, for the lab.
 */

/** Where ClusterIPs come from. */
export interface ServiceRanges {
  readonly ipv4: Prefix;
  readonly ipv6: Prefix;
}

/**
 * These Services with ClusterIPs: those that they name, else those that they were given before, else new ones. `existing`: the Services that are there. `without`: those that can't have one, a line each.
 */
export function withClusterIps(
  services: readonly LabService[],
  existing: readonly LabService[],
  ranges: ServiceRanges,
): { readonly services: readonly LabService[]; readonly without: readonly string[] } {
  const before = new Map(existing.map((one) => [podKey(one.service), one.service]));
  const wanted = new Set(services.map(({ service }) => podKey(service)));
  const kept = services.map(({ service }) => keepClusterIps(service, before.get(podKey(service))));
  const others = existing.map(({ service }) => service).filter((service) => !wanted.has(podKey(service)));
  const given = giveClusterIps([...kept, ...others], ranges);
  return {
    services: services.map(({ document }, index) => ({
      service: given.services[index]!,
      document: withAddresses(document, given.services[index]!),
    })),
    without: given.without.map(({ service, reason }) => `Service ${podKey(service)} gets no ClusterIP: ${reason}`),
  };
}

/** As the API server has it: a Service keeps its ClusterIPs for life, as long as it asks for the same families. */
function keepClusterIps(service: Service, before: Service | undefined): Service {
  if (before === undefined || before.clusterIps.length === 0 || service.clusterIps.length > 0) return service;
  if (service.headless || service.type === 'ExternalName') return service;
  const familyOf = (address: string) => parseAddress(address)!.family;
  const clusterIps = service.families.flatMap((family) => before.clusterIps.filter((address) => familyOf(address) === family));
  return clusterIps.length === service.families.length ? { ...service, clusterIps } : service;
}

/** A manifest (JSON) that names its Service's ClusterIPs. */
function withAddresses(document: string, { clusterIps }: Service): string {
  if (clusterIps.length === 0) return document;
  const { spec, ...rest } = JSON.parse(document) as { spec: object };
  return JSON.stringify({ ...rest, spec: { ...spec, clusterIP: clusterIps[0], clusterIPs: clusterIps } });
}

/** Slices of the pods that Services select, as manifests (JSON) by `namespace/name`. A pod that runs is ready (probes of kubelet are not played); `leaving`: UIDs of pods that are about to be deleted. */
export function endpointSlices(
  services: readonly LabService[],
  pods: readonly PodState[],
  leaving: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const states = pods.map(
    (pod): PodOfServices => ({
      namespace: pod.manifest.namespace,
      name: pod.manifest.name,
      labels: pod.manifest.labels,
      addresses: pod.addresses,
      namedPorts: namedPorts(pod.manifest.containers),
      node: pod.node,
      ready: pod.failure === null,
      terminating: leaving.has(pod.uid),
      finished: pod.failure !== null,
    }),
  );
  const slices = slicesOfPods(
    services.map(({ service }) => service),
    states,
  );
  return new Map(slices.map((slice) => [podKey(slice), JSON.stringify(sliceManifest(slice))]));
}

const conditions = {
  ready: { ready: true, serving: true, terminating: false },
  terminating: { ready: false, serving: true, terminating: true },
  unready: { ready: false, serving: false, terminating: false },
} as const;

function sliceManifest({ namespace, name, service, family, ports, endpoints }: EndpointSlice): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': service, 'endpointslice.kubernetes.io/managed-by': 'lab' } },
    addressType: `IPv${family}`,
    endpoints: endpoints.map(({ address, state, node }) => ({
      addresses: [address],
      conditions: conditions[state],
      ...(node === null ? {} : { nodeName: node }),
    })),
    ports: ports.map((port) => ({ name: port.name, protocol: port.protocol, port: port.port })),
  };
}

/** Keys of slices that are new or differ, and of those that are gone. */
export interface SliceChanges {
  readonly changed: readonly string[];
  readonly gone: readonly string[];
}

/** Compares slices with those that were told last. */
export function sliceChanges(before: Readonly<Record<string, string>>, now: ReadonlyMap<string, string>): SliceChanges {
  return {
    changed: [...now].filter(([key, document]) => before[key] !== document).map(([key]) => key),
    gone: Object.keys(before).filter((key) => !now.has(key)),
  };
}
