import {
  Balancer,
  type BalancerEvent,
  type Changes,
  type Frontend,
  frontendName,
  type KernelServices,
  mostOfPool,
  NodeTables,
  type Pool,
  type Step,
  type TableOptions,
} from '@myelin/loadbalancing';

/** Rows that wait to be written: new, different, or (null) gone. */
interface Pending {
  readonly addresses: Map<string, true | null>;
  readonly frontends: Map<string, Frontend | null>;
  readonly pools: Map<string, Pool | null>;
}

const nothing = (): Pending => ({ addresses: new Map(), frontends: new Map(), pools: new Map() });

/**
 * What a node has to write so that its kernel balances what the Services say. Pure, mutable inside: events in, writes out, in parts that are worked through one after the other. Between any two writes, parts or not, a look-up
 * finds what was or what will be (D2).
 */
export class ServicePlan {
  readonly #options: TableOptions;
  readonly #balancer = new Balancer();
  readonly #oversized = new Map<string, number>();
  #pending = nothing();
  #tables: NodeTables | null = null;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** Pools of which some backends are left out, as words; sorted. */
  get problems(): readonly string[] {
    return [...this.#oversized].map(([name, count]) => `${name} has ${count} backends, the first ${mostOfPool} are used`).sort();
  }

  /** Whether the next writes are `adopt`'s: at the beginning, and after `lost`. */
  get needsKernel(): boolean {
    return this.#tables === null;
  }

  /** Takes events in. */
  take(events: readonly BalancerEvent[]): void {
    for (const event of events) {
      const { addresses, frontends, pools } = this.#balancer.apply(event);
      for (const [name, pool] of pools) this.#pending.pools.set(name, this.#fitting(name, pool));
      for (const [name, frontend] of frontends) this.#pending.frontends.set(name, frontend);
      for (const [address, there] of addresses) this.#pending.addresses.set(address, there);
    }
  }

  /** Nobody knows what became of the last writes: what the kernel holds must be looked at. */
  lost(): void {
    this.#tables = null;
  }

  /** The first writes: what the kernel holds is brought to what is wanted of it, or taken away. What it doesn't hold yet comes in parts, by `next`. */
  adopt(held: KernelServices): readonly Step[] {
    const frontends = this.#balancer.frontends();
    const pools = this.#balancer.pools().map((pool) => this.#fitting(pool.name, pool)!);
    const isHeld = (frontend: Frontend) => held.frontends.has(frontendName(frontend));
    const heldPools = new Set(frontends.filter(isHeld).map(({ pool }) => pool));
    const now = ({ pool }: { readonly pool: string }) => heldPools.has(pool);
    const wanted = {
      addresses: this.#balancer.addresses(),
      frontends: frontends.filter(now),
      pools: pools.filter(({ name }) => now({ pool: name })),
    };
    const { tables, steps } = NodeTables.adopt(this.#options, held, wanted);
    this.#tables = tables;
    this.#pending = nothing();
    for (const frontend of frontends) if (!now(frontend)) this.#pending.frontends.set(frontendName(frontend), frontend);
    for (const pool of pools) if (!now({ pool: pool.name })) this.#pending.pools.set(pool.name, pool);
    return steps;
  }

  /** The next writes, of at most `most` pools that are new or different; empty: there are none. Call it after `adopt`. */
  next(most: number): readonly Step[] {
    while (this.#pending.pools.size + this.#pending.frontends.size + this.#pending.addresses.size > 0) {
      const steps = this.#tables!.apply({ ...this.#part(most), services: new Map() });
      if (steps.length > 0) return steps;
    }
    return [];
  }

  /** Part of what waits. New pools go with the frontends that lead to them; what goes is for the last part, when all that takes its place is there. */
  #part(most: number): Omit<Changes, 'services'> {
    const pools = [...this.#pending.pools].filter(([, pool]) => pool !== null);
    if (pools.length <= most) {
      const part = this.#pending;
      this.#pending = nothing();
      return part;
    }
    const part = nothing();
    for (const [name, pool] of pools.slice(0, most)) move(name, pool, this.#pending.pools, part.pools);
    for (const [address, there] of this.#pending.addresses)
      if (there !== null) move(address, there, this.#pending.addresses, part.addresses);
    for (const [name, frontend] of this.#pending.frontends)
      if (frontend !== null && part.pools.has(frontend.pool)) move(name, frontend, this.#pending.frontends, part.frontends);
    return part;
  }

  /** A pool as large as can be. */
  #fitting(name: string, pool: Pool | null): Pool | null {
    if (pool === null || pool.backends.length <= mostOfPool) {
      this.#oversized.delete(name);
      return pool;
    }
    this.#oversized.set(name, pool.backends.length);
    return { ...pool, backends: pool.backends.slice(0, mostOfPool) };
  }
}

function move<T>(key: string, value: T, from: Map<string, T>, to: Map<string, T>): void {
  from.delete(key);
  to.set(key, value);
}
