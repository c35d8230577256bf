import type { Changes } from './balancer.ts';
import { heldPools, sameRows, type WantedRows } from './held-pools.ts';
import type { TableOptions } from './maglev/table.ts';
import { backendRows, giveSlots, hasTable, mostOfPool, type NumberedPool, poolRow, roomFor, sameTable, tableOf } from './numbered-pool.ts';
import { Ranges } from './ranges.ts';
import type { BackendRow, FrontendKey, KernelServices, Step } from './rows.ts';
import { type Frontend, frontendName, type Pool } from './state.ts';

/** Writes while they are collected. */
interface Plan {
  /** What must be there before anybody is led to it. */
  readonly before: Step[];
  /** What may go once nobody is led to it any more, and the epochs have said so. */
  readonly after: Step[];
  readonly epochs: Set<number>;
  /** Pools whose range is to be given back. */
  readonly left: NumberedPool[];
}

/**
 * Gives pools and backends this node's numbers and turns changes into the writes that they take, in an order in which every packet between two writes meets what was or what will be (design D2). Keeps no table: the
 * one before a change is made again, which costs less than its memory would.
 */
export class NodeTables {
  readonly #options: TableOptions;
  readonly #pools = new Map<string, NumberedPool>();
  #ranges = new Ranges();
  /** Numbers of pools that are gone; the lowest unused one otherwise. 0 is no pool. */
  readonly #freeNumbers: number[] = [];
  #lastNumber = 0;
  /** Pool that each row of `frontends` names, by the text of its key. */
  readonly #frontends = new Map<string, number>();

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /**
   * Goes on from what the maps hold, as a node does that starts again: what is wanted keeps the numbers that it has there. `steps` bring the maps to it. Where the last writer was interrupted, all tables are written anew.
   */
  static adopt(
    options: TableOptions,
    held: KernelServices,
    wanted: WantedRows,
  ): { readonly tables: NodeTables; readonly steps: readonly Step[] } {
    const tables = new NodeTables(options);
    const pools = heldPools(held, wanted);
    tables.#take(held, pools);
    // Before others get those rows.
    const steps = [...strayRows(held, [...pools.values()]), ...tables.replace(wanted)];
    return { tables, steps: held.interrupted ? tables.#withAllTables(steps, held.tables) : steps };
  }

  /** The writes that bring the maps to these rows and no others. Throws as {@link apply}. */
  replace(wanted: WantedRows): readonly Step[] {
    const pools = new Map<string, Pool | null>([...this.#pools.keys()].map((name) => [name, null]));
    const same = new Map<string, NumberedPool>();
    for (const pool of wanted.pools) {
      const known = this.#pools.get(pool.name);
      if (known === undefined || !sameRows(known.pool, pool)) pools.set(pool.name, pool);
      else {
        pools.delete(pool.name);
        same.set(pool.name, { ...known, pool });
      }
    }
    const names = [...this.#frontends].map(([name, pool]) => [name, pool === 0] as const);
    const addresses = new Map<string, true | null>(names.flatMap(([name, isAddress]) => (isAddress ? [[name, null]] : [])));
    for (const address of wanted.addresses) addresses.set(address, true);
    const frontends = new Map<string, Frontend | null>(names.flatMap(([name, isAddress]) => (isAddress ? [] : [[name, null]])));
    for (const frontend of wanted.frontends) {
      const name = frontendName(frontend);
      const known = this.#frontends.get(name);
      if (known !== undefined && known === this.#pools.get(frontend.pool)?.number) frontends.delete(name);
      else frontends.set(name, frontend);
    }
    const steps = this.apply({ addresses, frontends, pools, services: new Map() });
    for (const [name, pool] of same) this.#pools.set(name, pool);
    return steps;
  }

  /** The writes that bring the maps from what they were to what the rows are now. Throws RangeError, and changes nothing, where a pool has more than `mostOfPool` backends. */
  apply(changes: Changes): readonly Step[] {
    for (const pool of changes.pools.values()) {
      if (pool !== null && pool.backends.length > mostOfPool)
        throw new RangeError(`${pool.name} has ${pool.backends.length} backends, more than ${mostOfPool}`);
    }
    const plan: Plan = { before: [], after: [], epochs: new Set(), left: [] };
    for (const [name, pool] of changes.pools) if (pool !== null) this.#put(name, pool, plan);
    const frontends = this.#putFrontends(changes, plan.epochs);
    for (const [name, pool] of changes.pools) if (pool === null) this.#delete(name, plan);
    // Only now: what is given back must not be given again by the same writes.
    for (const { first, room } of plan.left) this.#ranges.giveBack(first, room);
    const epochs = [...plan.epochs].map((pool): Step => ({ map: 'epochs', pool }));
    return [...plan.before, ...frontends, ...epochs, ...plan.after];
  }

  /** Pools with their numbers, by name. */
  pools(): ReadonlyMap<string, NumberedPool> {
    return this.#pools;
  }

  /** Rows that map `backends` needs at least. */
  get backendRowsEnd(): number {
    return this.#ranges.end;
  }

  #take(held: KernelServices, pools: ReadonlyMap<string, NumberedPool>): void {
    for (const [name, pool] of pools) this.#pools.set(name, pool);
    for (const [name, { pool }] of held.frontends) this.#frontends.set(name, pool);
    this.#ranges = Ranges.around([...pools.values()]);
    this.#lastNumber = Math.max(0, ...held.pools.keys());
    for (let number = this.#lastNumber; number > 0; number--) if (!held.pools.has(number)) this.#freeNumbers.push(number);
  }

  /** The same writes, but tables and pools' rows whole, whatever they hold: rows of backends may have been written that the row of their pool doesn't speak of. `held`: pools that have a table. */
  #withAllTables(steps: readonly Step[], held: ReadonlySet<number>): readonly Step[] {
    const others = steps.filter(({ map }) => map !== 'table' && map !== 'tables');
    const tables = new Map([...this.#pools.values()].map((pool) => [pool.number, tableOf(pool, this.#options)]));
    const whole = [...tables].flatMap(([pool, table]): Step[] => (table === null ? [] : [{ map: 'tables', pool, table }]));
    const gone = [...held].flatMap((pool): Step[] => (tables.get(pool) == null ? [{ map: 'tables', pool, table: null }] : []));
    const rows = [...this.#pools.values()].map((pool): Step => ({ map: 'pools', pool: pool.number, row: poolRow(pool) }));
    // Nor does anybody know which epochs were raised.
    const epochs = [...tables.keys()].map((pool): Step => ({ map: 'epochs', pool }));
    const first = others.findIndex(({ map }) => map === 'epochs');
    const at = first < 0 ? others.length : first;
    return [...whole, ...others.slice(0, at), ...rows, ...epochs, ...others.slice(at), ...gone];
  }

  #put(name: string, pool: Pool, plan: Plan): void {
    const known = this.#pools.get(name) ?? null;
    const now = this.#number(pool, known);
    this.#pools.set(name, now);
    this.#stepsOfBackends(known, now, plan);
    const row = poolRow(now);
    const rowStep: Step[] =
      known !== null && JSON.stringify(row) === JSON.stringify(poolRow(known)) ? [] : [{ map: 'pools', pool: now.number, row }];
    const table = this.#stepsOfTable(known, now);
    // A table must be there before it is asked. One that is there already may name slots beyond the old range only once the row names the new one.
    if (table.existed) plan.before.push(...rowStep, ...table.before);
    else plan.before.push(...table.before, ...rowStep);
    plan.after.push(...table.after);
    plan.epochs.add(now.number);
  }

  /** New rows at once. Those of backends that are gone stay until nobody can have read their slots: also in a new range, where old slots must mean what they meant. */
  #stepsOfBackends(known: NumberedPool | null, now: NumberedPool, { before, after, left }: Plan): void {
    const moves = known !== null && known.first !== now.first;
    const had = known === null ? new Map<number, BackendRow>() : backendRows(known);
    const has = backendRows(now);
    const wanted = moves ? new Map([...had, ...has]) : has;
    for (const [slot, row] of wanted) {
      if (moves || !sameRow(had.get(slot), row)) before.push({ map: 'backends', index: now.first + slot, pool: now.number, row });
    }
    for (const slot of had.keys())
      if (!has.has(slot)) after.push({ map: 'backends', index: now.first + slot, pool: now.number, row: null });
    if (moves) this.#clear(known, after, left);
  }

  #number(pool: Pool, known: NumberedPool | null): NumberedPool {
    const slots = giveSlots(pool, known?.slots ?? new Map());
    const room = Math.max(roomFor(slots), known?.room ?? 1);
    const number = known?.number ?? this.#freeNumbers.pop() ?? ++this.#lastNumber;
    const first = known !== null && known.room === room ? known.first : this.#ranges.take(room);
    return { pool, number, slots, first, room };
  }

  #stepsOfTable(known: NumberedPool | null, now: NumberedPool): { existed: boolean; before: readonly Step[]; after: readonly Step[] } {
    const existed = known !== null && hasTable(known);
    if (known !== null && sameTable(known, now)) return { existed, before: [], after: [] };
    const table = tableOf(now, this.#options);
    if (table === null) return { existed, before: [], after: existed ? [{ map: 'tables', pool: now.number, table }] : [] };
    if (!existed) return { existed, before: [{ map: 'tables', pool: now.number, table }], after: [] };
    const old = tableOf(known, this.#options)!;
    const slots = new Map<number, number>();
    table.forEach((slot, position) => {
      if (slot !== old[position]) slots.set(position, slot);
    });
    return { existed, before: slots.size === 0 ? [] : [{ map: 'table', pool: now.number, slots }], after: [] };
  }

  /** Addresses first and last: a frontend's address is always one. */
  #putFrontends(changes: Changes, epochs: Set<number>): readonly Step[] {
    const steps: Step[] = [];
    for (const [address, there] of changes.addresses) if (there !== null) this.#putRow(address, addressKey(address), 0, steps);
    for (const [name, frontend] of changes.frontends) {
      const pool = frontend === null ? null : this.#pools.get(frontend.pool)!.number;
      const known = this.#putRow(name, keyOf(name, frontend), pool, steps);
      if (known !== null && known !== pool) epochs.add(known);
      if (pool !== null) epochs.add(pool);
    }
    for (const [address, there] of changes.addresses) if (there === null) this.#putRow(address, addressKey(address), null, steps);
    return steps;
  }

  /** Puts a row, or takes it out, where that changes something. Returns the pool that it named. */
  #putRow(name: string, key: FrontendKey, pool: number | null, steps: Step[]): number | null {
    const known = this.#frontends.get(name) ?? null;
    if (known === pool) return known;
    if (pool === null) this.#frontends.delete(name);
    else this.#frontends.set(name, pool);
    steps.push({ map: 'frontends', key, pool });
    return known;
  }

  #delete(name: string, { after, epochs, left }: Plan): void {
    const known = this.#pools.get(name);
    if (known === undefined) return;
    this.#pools.delete(name);
    epochs.add(known.number);
    after.push({ map: 'pools', pool: known.number, row: null });
    if (hasTable(known)) after.push({ map: 'tables', pool: known.number, table: null });
    this.#clear(known, after, left);
    this.#freeNumbers.push(known.number);
  }

  #clear(known: NumberedPool, after: Step[], left: NumberedPool[]): void {
    for (const slot of known.slots.values()) after.push({ map: 'backends', index: known.first + slot, pool: known.number, row: null });
    left.push(known);
  }
}

/** Rows that nobody's pool has: an interrupted writer's. */
function strayRows({ backends }: KernelServices, pools: readonly NumberedPool[]): readonly Step[] {
  const owned = new Set(pools.flatMap(({ first, slots }) => [...slots.values()].map((slot) => first + slot)));
  return [...backends].flatMap(([index, { pool }]): Step[] => (owned.has(index) ? [] : [{ map: 'backends', index, pool, row: null }]));
}

const sameRow = (a: BackendRow | undefined, b: BackendRow) =>
  a !== undefined && a.address === b.address && a.port === b.port && a.state === b.state;

const addressKey = (address: string): FrontendKey => ({ address, port: 0, protocol: null });

/** Key of a frontend; of one that is gone, out of its name. */
function keyOf(name: string, frontend: Frontend | null): FrontendKey {
  if (frontend !== null) return { address: frontend.address, port: frontend.port, protocol: frontend.protocol };
  const [, address, port, protocol] = /^\[?(.+?)\]?:(\d+)\/(TCP|UDP)$/.exec(name)!;
  return { address: address!, port: Number(port), protocol: protocol as 'TCP' | 'UDP' };
}
