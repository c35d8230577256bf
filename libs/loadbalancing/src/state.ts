import type { Family } from '@myelin/address';
import type { BalancedProtocol, EndpointState, NotServed, ObjectName, ServiceType } from './model.ts';

/*
 * Load-balancing state. Symbolic (design C7): Services, addresses and ports are named, nothing has a number that one process knows. Every list is sorted and free of duplicates.
 */

/** Where clients turn to. */
export interface Frontend {
  /** A ClusterIP, canonical text. */
  readonly address: string;
  readonly port: number;
  readonly protocol: BalancedProtocol;
  /** Name of the pool that answers. */
  readonly pool: string;
}

/** An endpoint of one port of one Service. */
export interface Backend {
  /** Canonical text, of the pool's family. */
  readonly address: string;
  readonly port: number;
  readonly state: EndpointState;
  /** Kubernetes has no weights: 1. */
  readonly weight: number;
  /** Node that it is on; null: not known. */
  readonly node: string | null;
}

/** Backends of one port of one Service, of one family. */
export interface Pool {
  /** `namespace/service:port/protocol/IPv4`. */
  readonly name: string;
  readonly service: ObjectName;
  readonly protocol: BalancedProtocol;
  readonly family: Family;
  /** Session affinity in seconds; null: none. */
  readonly affinitySeconds: number | null;
  /** In the order of `backendName`. */
  readonly backends: readonly Backend[];
}

/** A frontend that another Service has. */
export interface TakenFrontend {
  readonly frontend: string;
  /** `namespace/name`. */
  readonly by: string;
}

/** What became of a Service, for people. */
export interface ServiceRow extends ObjectName {
  readonly type: ServiceType;
  readonly headless: boolean;
  readonly clusterIps: readonly string[];
  /** Names of its frontends, in the order of its ports and addresses. */
  readonly frontends: readonly string[];
  /** Those that it asks for and an older Service has. */
  readonly taken: readonly TakenFrontend[];
  readonly notServed: readonly NotServed[];
}

/** `10.96.0.1:80/TCP`, `[fd00::1]:80/TCP`. */
export function endpointName(address: string, port: number, protocol: BalancedProtocol): string {
  return address.includes(':') ? `[${address}]:${port}/${protocol}` : `${address}:${port}/${protocol}`;
}

/** What a frontend is called. */
export function frontendName({ address, port, protocol }: Frontend): string {
  return endpointName(address, port, protocol);
}

/** What a backend is called: also what its permutation is made of. */
export function backendName(pool: Pool, { address, port }: Backend): string {
  return endpointName(address, port, pool.protocol);
}

/** What a Service is called. */
export function serviceKey({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}

/** The backends that new flows may go to: those that are ready; where none is, those that terminate and still serve. */
export function usableBackends(pool: Pool): readonly Backend[] {
  const ready = pool.backends.filter(({ state }) => state === 'ready');
  return ready.length > 0 ? ready : pool.backends.filter(({ state }) => state === 'terminating');
}

/** Whether two pools of one name are the same. */
export function samePool(a: Pool, b: Pool): boolean {
  return (
    a.affinitySeconds === b.affinitySeconds &&
    a.backends.length === b.backends.length &&
    a.backends.every((one, index) => sameBackend(one, b.backends[index]!))
  );
}

function sameBackend(a: Backend, b: Backend): boolean {
  return a.address === b.address && a.port === b.port && a.state === b.state && a.weight === b.weight && a.node === b.node;
}
