import { formatAddress, parseAddress } from '@myelin/address';
import { formatManifestError, type Manifest, parseManifests, podSchema } from '@myelin/manifest';
import { Balancer, type BalancerEvent } from '../balancer.ts';
import type { EndpointSlice, Service } from '../model.ts';
import { NodeTables } from '../node-tables.ts';
import { parseEndpointSlice, parseService, type Read } from '../read.ts';
import type { Step } from '../rows.ts';
import { type PodState, slicesOfPods } from '../slices-of-pods.ts';
import { serviceKey } from '../state.ts';
import { KernelMaps } from './kernel.ts';
import { printState } from './print.ts';

interface PodStatus {
  readonly phase?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** A Pod as the API server has it, its status included. */
function readPod({ value }: Manifest): PodState {
  const { metadata, spec } = podSchema.parse(value);
  const { phase = 'Running', podIPs = [], conditions = [] } = ((value as { status?: PodStatus }).status ?? {}) as PodStatus;
  return {
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    labels: metadata.labels ?? {},
    addresses: podIPs.map(({ ip }) => formatAddress(parseAddress(ip)!)),
    namedPorts: spec.containers.flatMap(({ ports }) =>
      (ports ?? []).flatMap(({ name, containerPort, protocol }) =>
        name == null ? [] : [{ name, protocol: protocol ?? 'TCP', port: containerPort }],
      ),
    ),
    node: spec.nodeName ?? null,
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    terminating: 'deletionTimestamp' in (value.metadata as object),
    finished: phase === 'Succeeded' || phase === 'Failed',
  };
}

/** A cluster of one node, without I/O: objects in, rows and map contents out. */
export class Cluster {
  readonly balancer = new Balancer();
  readonly maps = new KernelMaps();
  readonly #tables = new NodeTables({ size: 251, seed: 'script' });
  readonly services = new Map<string, Service>();
  readonly #pods = new Map<string, PodState>();
  /** Slices written by hand, and those that the pods' controller made. */
  readonly slices = new Map<string, EndpointSlice>();
  #made: ReadonlySet<string> = new Set();

  /** Does what a script's step says; returns what there is then. */
  run(command: string, text: string): string {
    const [verb, kind = '', name = ''] = command.split(' ');
    if (verb === 'apply') return this.#applyText(text);
    if (verb === 'delete') return this.#settle(this.#delete(kind, name));
    throw new Error(`unknown command ${command}`);
  }

  #applyText(text: string): string {
    const { manifests, errors } = parseManifests([{ file: 'case.yaml', text }]);
    const problems = [...errors];
    const read = <T>(result: Read<T>, use: (value: T) => BalancerEvent[]): BalancerEvent[] => {
      if (result.ok) return use(result.value);
      problems.push(...result.errors);
      return [];
    };
    const events = manifests.flatMap((manifest): BalancerEvent[] => {
      if (manifest.kind === 'Service') return read(parseService(manifest), (service) => this.#putService(service));
      if (manifest.kind === 'EndpointSlice') return read(parseEndpointSlice(manifest), (slice) => this.#putSlice(slice));
      if (manifest.kind !== 'Pod') throw new Error(`a case doesn't know ${manifest.kind}`);
      const pod = readPod(manifest);
      this.#pods.set(serviceKey(pod), pod);
      return [];
    });
    if (problems.length > 0) return `refused\n${problems.map((one) => `  ${formatManifestError(one)}\n`).join('')}`;
    return this.#settle(events);
  }

  #putService(service: Service): BalancerEvent[] {
    this.services.set(serviceKey(service), service);
    return [{ kind: 'service-put', service }];
  }

  #putSlice(slice: EndpointSlice): BalancerEvent[] {
    this.slices.set(serviceKey(slice), slice);
    return [{ kind: 'slice-put', slice }];
  }

  #delete(kind: string, key: string): BalancerEvent[] {
    const [namespace = '', name = ''] = key.split('/');
    if (kind === 'Pod') {
      this.#pods.delete(key);
      return [];
    }
    if (kind === 'Service') {
      this.services.delete(key);
      return [{ kind: 'service-delete', service: { namespace, name } }];
    }
    this.slices.delete(key);
    return [{ kind: 'slice-delete', slice: { namespace, name } }];
  }

  /** Lets the pods' controller and the node follow. */
  #settle(events: readonly BalancerEvent[]): string {
    const made = new Map(slicesOfPods([...this.services.values()], [...this.#pods.values()]).map((slice) => [serviceKey(slice), slice]));
    const all = [...events];
    for (const slice of made.values()) {
      if (JSON.stringify(slice) !== JSON.stringify(this.slices.get(serviceKey(slice)))) all.push(...this.#putSlice(slice));
    }
    for (const key of this.#made) if (!made.has(key)) all.push(...this.#delete('EndpointSlice', key));
    this.#made = new Set(made.keys());
    const writes: Step[] = [];
    for (const event of all) {
      for (const step of this.#tables.apply(this.balancer.apply(event))) {
        this.maps.write(step);
        writes.push(step);
      }
    }
    return printState(this.balancer, writes, this.maps);
  }
}
