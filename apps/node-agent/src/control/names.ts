import { type Address, parseAddress } from '@myelin/address';
import { interfaceName } from '@myelin/bpf-native';
import type { EndpointAddress, Identity } from '@myelin/contracts/identity';
import type { Service, ServiceObject } from '@myelin/contracts/loadbalancing';
import type { Decider, FlowNames, NamedEndpoint } from '@myelin/flow-api';
import type { EndpointRecord } from '@myelin/identity-rules';
import { isNodeLocal, reservedLabels, reservedName, splitLabels } from '@myelin/labels';
import type { StreamBatch } from '@myelin/state-stream';

/** How many things that are gone are still known by name: events are read a little later than they happen. */
const remembered = 4096;

/** A table that remembers for a while what was taken out of it. */
class FadingMap<K, V> {
  readonly #present = new Map<K, V>();
  readonly #gone = new Map<K, V>();

  get(key: K): V | undefined {
    return this.#present.get(key) ?? this.#gone.get(key);
  }

  get size(): number {
    return this.#present.size;
  }

  set(key: K, value: V): void {
    this.#present.set(key, value);
    this.#gone.delete(key);
  }

  delete(key: K): void {
    const value = this.#present.get(key);
    if (value === undefined) return;
    this.#present.delete(key);
    this.#gone.set(key, value);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= remembered) break;
      this.#gone.delete(oldest);
    }
  }
}

/** Where names of origins and node-local prefixes come from. */
export interface PolicyNames {
  decider(origin: number): Decider | null;
  /** Text of the prefix that has a node-local identity. */
  prefixOf(identity: number): string | null;
}

/** A pod of this node. */
interface LocalPod extends NamedEndpoint {
  readonly identity: number;
}

/** Names for the numbers in events: labels of identities and pods of addresses from the streams, rules from the policies applied here. */
export class Names implements FlowNames {
  readonly nodeName: string;
  readonly clusterName: string;
  readonly #policies: PolicyNames;
  readonly #identityOf: (address: Address) => number;
  readonly #labels = new FadingMap<number, readonly string[]>();
  readonly #pods = new FadingMap<bigint, NamedEndpoint>();
  readonly #slots = new FadingMap<number, LocalPod>();
  readonly #services = new FadingMap<bigint, NamedEndpoint>();
  /** Addresses of each Service, by the key of its row. */
  readonly #clusterIps = new Map<string, readonly string[]>();

  /** `identityOf`: what the kernel's tables take an address for. */
  constructor(nodeName: string, clusterName: string, policies: PolicyNames, identityOf: (address: Address) => number) {
    this.nodeName = nodeName;
    this.clusterName = clusterName;
    this.#policies = policies;
    this.#identityOf = identityOf;
  }

  /** How many identities are known. */
  get identityCount(): number {
    return this.#labels.size;
  }

  applyIdentities({ changed, removed }: StreamBatch<Identity>): void {
    for (const { row } of changed) this.setIdentity(row.number, row.labels);
    for (const { key } of removed) this.#labels.delete(Number(key));
  }

  applyEndpoints({ changed, removed }: StreamBatch<EndpointAddress>): void {
    for (const { row } of changed) this.setPod(row.address, row);
    for (const { key } of removed) this.removePod(key);
  }

  applyServices({ changed, removed }: Pick<StreamBatch<ServiceObject>, 'changed' | 'removed'>): void {
    for (const { key, row } of changed) if (row.object?.$case === 'service') this.#setService(key, row.object.value);
    for (const { key } of removed) this.#setService(key, { namespace: '', name: '', clusterIps: [] });
  }

  #setService(key: string, { namespace, name, clusterIps }: Pick<Service, 'namespace' | 'name' | 'clusterIps'>): void {
    const addresses = (texts: readonly string[]) => texts.flatMap((text) => parseAddress(text)?.value ?? []);
    for (const address of addresses(this.#clusterIps.get(key) ?? [])) this.#services.delete(address);
    for (const address of addresses(clusterIps)) this.#services.set(address, { namespace, name });
    if (clusterIps.length === 0) this.#clusterIps.delete(key);
    else this.#clusterIps.set(key, clusterIps);
  }

  /** This node's own endpoints are known before the streams tell of them. */
  endpointChanged({ spec, addresses, slot, assigned, inForce }: EndpointRecord, isGone: boolean): void {
    if (isGone) this.#slots.delete(slot);
    else this.#slots.set(slot, { namespace: spec.namespace, name: spec.name, identity: (inForce ?? assigned)?.identity ?? 0 });
    for (const address of addresses) {
      if (isGone) this.removePod(address);
      else this.setPod(address, spec);
    }
    if (assigned !== null) this.setIdentity(assigned.identity, assigned.labels);
  }

  setIdentity(identity: number, labels: readonly string[]): void {
    this.#labels.set(identity, splitLabels(labels).visible);
  }

  setPod(addressText: string, { namespace, name }: NamedEndpoint): void {
    const address = parseAddress(addressText);
    if (address !== null) this.#pods.set(address.value, { namespace, name });
  }

  removePod(addressText: string): void {
    const address = parseAddress(addressText);
    if (address !== null) this.#pods.delete(address.value);
  }

  endpoint(address: Address): NamedEndpoint | null {
    return this.#pods.get(address.value) ?? null;
  }

  endpointInSlot(slot: number): LocalPod | null {
    return this.#slots.get(slot) ?? null;
  }

  service(address: Address): NamedEndpoint | null {
    return this.#services.get(address.value) ?? null;
  }

  identityOf(address: Address): number {
    return this.#identityOf(address);
  }

  labels(identity: number): readonly string[] {
    const reserved = reservedName(identity);
    if (reserved !== null) return reservedLabels(reserved);
    if (!isNodeLocal(identity)) return this.#labels.get(identity) ?? [];
    const prefix = this.#policies.prefixOf(identity);
    return prefix === null ? reservedLabels('world') : [`cidr:${prefix}`, ...reservedLabels('world')];
  }

  decider(origin: number): Decider | null {
    return this.#policies.decider(origin);
  }

  interfaceName(index: number): string | null {
    return interfaceName(index);
  }
}
