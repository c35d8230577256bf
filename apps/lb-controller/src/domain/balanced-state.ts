import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import { Balancer, type Pool, type Service, type ServiceRow, serviceKey } from '@myelin/loadbalancing';
import { eventsOf } from '@myelin/loadbalancing-wire';
import type { Revision } from '@myelin/revision';

/** Changes of the stream `services`, up to a revision. */
export interface ServiceBatch {
  readonly changed: readonly { readonly key: string; readonly row: ServiceObject }[];
  readonly removed: readonly { readonly key: string }[];
  readonly revision: Revision;
}

/** A Service, and what it comes to. */
export interface BalancedService {
  readonly service: Service;
  readonly row: ServiceRow;
  /** Sorted by name. */
  readonly pools: readonly Pool[];
}

/** All Services with what they come to, as of one revision of the stream: a function of the rows that are there, whatever the order in which they came. */
export class BalancedState {
  readonly #balancer = new Balancer();
  readonly #services = new Map<string, Service>();
  readonly #rows = new Map<string, ServiceRow>();
  readonly #pools = new Map<string, Map<string, Pool>>();
  readonly #problems = new Map<string, string>();
  #frontends = 0;
  #revision: Revision | null = null;

  /** Revision up to which everything is in; null before the first complete snapshot. */
  get revision(): Revision | null {
    return this.#revision;
  }

  get serviceCount(): number {
    return this.#services.size;
  }

  get frontendCount(): number {
    return this.#frontends;
  }

  /** Rows that this version can't read, with the reason; sorted. */
  get problems(): readonly string[] {
    return [...this.#problems].map(([key, problem]) => `${key}: ${problem}`).sort();
  }

  apply({ changed, removed, revision }: ServiceBatch): void {
    const { events, problems } = eventsOf(
      changed,
      removed.map(({ key }) => key),
    );
    for (const [key, problem] of problems) {
      if (problem === null) this.#problems.delete(key);
      else this.#problems.set(key, problem);
    }
    for (const event of events) {
      if (event.kind === 'service-put') this.#services.set(serviceKey(event.service), event.service);
      else if (event.kind === 'service-delete') this.#services.delete(serviceKey(event.service));
      const changes = this.#balancer.apply(event);
      for (const [key, row] of changes.services) this.#putRow(key, row);
      for (const [name, pool] of changes.pools) this.#putPool(name, pool);
    }
    this.#revision = revision;
  }

  /** Services of a namespace and name (null: any), sorted by namespace and name. */
  list(namespace: string | null, name: string | null): readonly BalancedService[] {
    const wanted = [...this.#services.values()].filter(
      (service) => (namespace === null || service.namespace === namespace) && (name === null || service.name === name),
    );
    const order = (a: Service, b: Service) => compare(a.namespace, b.namespace) || compare(a.name, b.name);
    return wanted.sort(order).map((service) => {
      const key = serviceKey(service);
      return {
        service,
        row: this.#rows.get(key)!,
        pools: [...(this.#pools.get(key)?.values() ?? [])].sort((a, b) => compare(a.name, b.name)),
      };
    });
  }

  #putRow(key: string, row: ServiceRow | null): void {
    this.#frontends += (row?.frontends.length ?? 0) - (this.#rows.get(key)?.frontends.length ?? 0);
    if (row === null) this.#rows.delete(key);
    else this.#rows.set(key, row);
  }

  #putPool(name: string, pool: Pool | null): void {
    // A pool's name begins with its Service's: `namespace/name:port/…`.
    const key = name.slice(0, name.indexOf(':'));
    const pools = this.#pools.get(key) ?? new Map<string, Pool>();
    if (pool === null) pools.delete(name);
    else pools.set(name, pool);
    if (pools.size === 0) this.#pools.delete(key);
    else this.#pools.set(key, pools);
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
