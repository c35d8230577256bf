import type { Changes } from './balancer.ts';
import type { TableOptions } from './maglev/table.ts';
import { backendRows, giveSlots, hasTable, mostOfPool, type NumberedPool, poolRow, roomFor, sameTable, tableOf } from './numbered-pool.ts';
import { Ranges } from './ranges.ts';
import type { BackendRow, FrontendKey, Step } from './rows.ts';
import type { Frontend, Pool } from './state.ts';

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
  readonly #ranges = new Ranges();
  /** Numbers of pools that are gone; the lowest unused one otherwise. 0 is no pool. */
  readonly #freeNumbers: number[] = [];
  #lastNumber = 0;
  /** Pool that each row of `frontends` names, by the text of its key. */
  readonly #frontends = new Map<string, number>();

  constructor(options: TableOptions) {
    this.#options = options;
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
      if (moves || !sameRow(had.get(slot), row)) before.push({ map: 'backends', index: now.first + slot, row });
    }
    for (const slot of had.keys()) if (!has.has(slot)) after.push({ map: 'backends', index: now.first + slot, row: null });
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
    for (const slot of known.slots.values()) after.push({ map: 'backends', index: known.first + slot, row: null });
    left.push(known);
  }
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
