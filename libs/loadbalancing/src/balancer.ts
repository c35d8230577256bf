import { compareText } from '@myelin/labels';
import { Claims } from './claims.ts';
import type { EndpointSlice, ObjectName, Service } from './model.ts';
import { type Frontend, frontendName, type Pool, type ServiceRow, samePool, serviceKey, type TakenFrontend } from './state.ts';
import { type Wants, wantsOf } from './wants.ts';

/** What happened to an object. */
export type BalancerEvent =
  | { readonly kind: 'service-put'; readonly service: Service }
  | { readonly kind: 'service-delete'; readonly service: ObjectName }
  | { readonly kind: 'slice-put'; readonly slice: EndpointSlice }
  | { readonly kind: 'slice-delete'; readonly slice: ObjectName };

/** Rows that are new or different, and (null) those that are gone. Equal rows aren't named. */
export interface Changes {
  /** ClusterIPs of Services, by text: a packet to one of them is never anybody else's. */
  readonly addresses: ReadonlyMap<string, true | null>;
  /** By `frontendName`. */
  readonly frontends: ReadonlyMap<string, Frontend | null>;
  /** By name. */
  readonly pools: ReadonlyMap<string, Pool | null>;
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, ServiceRow | null>;
}

/** Changes while they are collected. */
interface Collected {
  readonly addresses: Map<string, true | null>;
  readonly frontends: Map<string, Frontend | null>;
  readonly pools: Map<string, Pool | null>;
  readonly services: Map<string, ServiceRow | null>;
}

const nothing: Wants = { frontends: [], pools: [] };

/**
 * All Services of a cluster as load-balancing state, one event at a time. Mutable inside; its rows depend on the objects that are there alone, never on the way there. An event costs its own Service's
 * endpoints, and the other Services that ask for the same frontends.
 */
export class Balancer {
  readonly #services = new Map<string, Service>();
  /** Slices by Service, then by name: also those of Services that aren't there (yet). */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  /** Service of each slice: its label may change. */
  readonly #serviceOfSlice = new Map<string, string>();
  readonly #wants = new Map<string, Wants>();
  readonly #claims = new Claims();
  /** How many Services have a ClusterIP. */
  readonly #addresses = new Map<string, number>();
  readonly #frontends = new Map<string, Frontend>();
  readonly #pools = new Map<string, Pool>();
  readonly #rows = new Map<string, ServiceRow>();

  /** Takes an event in and returns what it changed. */
  apply(event: BalancerEvent): Changes {
    const changes: Collected = { addresses: new Map(), frontends: new Map(), pools: new Map(), services: new Map() };
    switch (event.kind) {
      case 'service-put':
        this.#putService(serviceKey(event.service), event.service, changes);
        break;
      case 'service-delete':
        this.#putService(serviceKey(event.service), null, changes);
        break;
      case 'slice-put':
        this.#putSlice(serviceKey(event.slice), event.slice, changes);
        break;
      case 'slice-delete':
        this.#putSlice(serviceKey(event.slice), null, changes);
        break;
    }
    return changes;
  }

  addresses(): readonly string[] {
    return [...this.#addresses.keys()].sort(compareText);
  }

  /** In the order of their names, as all rows. */
  frontends(): readonly Frontend[] {
    return sortedValues(this.#frontends);
  }

  pools(): readonly Pool[] {
    return sortedValues(this.#pools);
  }

  services(): readonly ServiceRow[] {
    return sortedValues(this.#rows);
  }

  #putService(key: string, service: Service | null, changes: Collected): void {
    this.#countAddresses(this.#services.get(key)?.clusterIps ?? [], service?.clusterIps ?? [], changes);
    if (service === null) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#refresh(key, changes);
  }

  #countAddresses(before: readonly string[], now: readonly string[], changes: Collected): void {
    const had = new Set(before.filter((address) => this.#addresses.has(address)));
    for (const address of now) this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1);
    for (const address of before) {
      const count = this.#addresses.get(address)! - 1;
      if (count === 0) this.#addresses.delete(address);
      else this.#addresses.set(address, count);
    }
    for (const address of had) if (!this.#addresses.has(address)) changes.addresses.set(address, null);
    for (const address of now) if (!had.has(address) && this.#addresses.get(address) === 1) changes.addresses.set(address, true);
  }

  #putSlice(key: string, slice: EndpointSlice | null, changes: Collected): void {
    const before = this.#serviceOfSlice.get(key);
    const now = slice?.service == null ? undefined : `${slice.namespace}/${slice.service}`;
    if (before !== undefined) {
      const slices = this.#slices.get(before)!;
      slices.delete(key);
      if (slices.size === 0) this.#slices.delete(before);
      this.#serviceOfSlice.delete(key);
    }
    if (now !== undefined) {
      const slices = this.#slices.get(now) ?? new Map<string, EndpointSlice>();
      this.#slices.set(now, slices.set(key, slice!));
      this.#serviceOfSlice.set(key, now);
    }
    for (const service of new Set([before, now])) if (service !== undefined && this.#services.has(service)) this.#refresh(service, changes);
  }

  /** Works out anew what a Service wants, and what becomes of it and of those who want the same. */
  #refresh(key: string, changes: Collected): void {
    const service = this.#services.get(key) ?? null;
    const before = this.#wants.get(key) ?? nothing;
    const now = service === null ? nothing : wantsOf(service, sortedValues(this.#slices.get(key) ?? new Map()));
    if (service === null) this.#wants.delete(key);
    else this.#wants.set(key, now);
    this.#replacePools(before.pools, now.pools, changes);
    const touched = this.#claims.replace(key, service, before.frontends, now.frontends);
    const others = new Set([key]);
    for (const name of touched) {
      this.#settle(name, changes);
      for (const claimant of this.#claims.claimants(name)) others.add(claimant);
    }
    for (const other of others) this.#describe(other, changes);
  }

  #replacePools(before: readonly Pool[], now: readonly Pool[], changes: Collected): void {
    const names = new Set(now.map(({ name }) => name));
    for (const { name } of before) {
      if (names.has(name)) continue;
      this.#pools.delete(name);
      changes.pools.set(name, null);
    }
    for (const pool of now) {
      const known = this.#pools.get(pool.name);
      if (known !== undefined && samePool(known, pool)) continue;
      this.#pools.set(pool.name, pool);
      changes.pools.set(pool.name, pool);
    }
  }

  /** Gives a frontend to whose it is now. */
  #settle(name: string, changes: Collected): void {
    const known = this.#frontends.get(name);
    const owner = this.#claims.owner(name);
    if (owner === null) {
      this.#frontends.delete(name);
      changes.frontends.set(name, null);
    } else if (known?.pool !== owner.frontend.pool) {
      this.#frontends.set(name, owner.frontend);
      changes.frontends.set(name, owner.frontend);
    }
  }

  #describe(key: string, changes: Collected): void {
    const service = this.#services.get(key);
    const known = this.#rows.get(key);
    if (service === undefined) {
      if (this.#rows.delete(key)) changes.services.set(key, null);
      return;
    }
    const frontends: string[] = [];
    const taken: TakenFrontend[] = [];
    for (const frontend of this.#wants.get(key)!.frontends) {
      const name = frontendName(frontend);
      const owner = serviceKey(this.#claims.owner(name)!.service);
      if (owner === key) frontends.push(name);
      else taken.push({ frontend: name, by: owner });
    }
    const { namespace, name, type, headless, clusterIps, notServed } = service;
    const row: ServiceRow = { namespace, name, type, headless, clusterIps, frontends, taken, notServed };
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(row)) return;
    this.#rows.set(key, row);
    changes.services.set(key, row);
  }
}

function sortedValues<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map].sort(([a], [b]) => compareText(a, b)).map(([, value]) => value);
}
