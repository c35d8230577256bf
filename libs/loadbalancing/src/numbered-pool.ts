import { maglevTable, type TableOptions } from './maglev/table.ts';
import type { BackendRow, PoolRow } from './rows.ts';
import { type Backend, backendName, type Pool, usableBackends } from './state.ts';

/** Most backends of a pool: slots are 16-bit numbers, and while all backends change, old and new ones have theirs at once. */
export const mostOfPool = 0x7fff;

/** A pool on this node: its numbers. */
export interface NumberedPool {
  readonly pool: Pool;
  readonly number: number;
  /** Slot of each backend, by name. A backend keeps its slot as long as it is in the pool. */
  readonly slots: ReadonlyMap<string, number>;
  readonly first: number;
  /** Power of two, greater than every slot. */
  readonly room: number;
}

/** Slots of a pool's backends: those that it had, and for the new ones the lowest that neither it nor `taken` has. */
export function giveSlots(pool: Pool, before: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const taken = new Set(before.values());
  let next = 0;
  const slots = new Map<string, number>();
  for (const backend of pool.backends) {
    const name = backendName(pool, backend);
    let slot = before.get(name);
    if (slot === undefined) {
      while (taken.has(next)) next++;
      slot = next++;
    }
    slots.set(name, slot);
  }
  return slots;
}

/** Rows that slots need: a power of two. */
export function roomFor(slots: ReadonlyMap<string, number>): number {
  let greatest = 0;
  for (const slot of slots.values()) greatest = Math.max(greatest, slot);
  return 2 ** Math.ceil(Math.log2(greatest + 1));
}

/** Row of each slot that a backend has. */
export function backendRows({ pool, slots }: NumberedPool): ReadonlyMap<number, BackendRow> {
  const row = ({ address, port, state }: Backend): BackendRow => ({ address, port, state });
  return new Map(pool.backends.map((backend) => [slots.get(backendName(pool, backend))!, row(backend)]));
}

/** The pool's row. */
export function poolRow({ pool, slots, first, room }: NumberedPool): PoolRow {
  const usable = usableBackends(pool);
  const only = usable.length === 1 ? slots.get(backendName(pool, usable[0]!))! : 0;
  return { first, room, usable: usable.length, only, affinitySeconds: pool.affinitySeconds ?? 0 };
}

/** Whether there is anything to choose. */
export function hasTable({ pool }: NumberedPool): boolean {
  return usableBackends(pool).length > 1;
}

/** Slot at each position; null: none or one backend is usable, and there is nothing to choose. */
export function tableOf({ pool, slots }: NumberedPool, options: TableOptions): Uint16Array | null {
  const usable = usableBackends(pool);
  if (usable.length < 2) return null;
  const named = usable.map((backend) => ({ name: backendName(pool, backend), weight: backend.weight }));
  const bySlot = named.map(({ name }) => slots.get(name)!);
  // In place, by a plain loop: `from` with a function takes four times as long as all of the table's making.
  const table = maglevTable(named, options);
  for (let position = 0; position < table.length; position++) table[position] = bySlot[table[position]!]!;
  return table;
}

/** Whether two states of a pool have the same table, without making it: the same backends take new flows, with the same weights. */
export function sameTable(a: NumberedPool, b: NumberedPool): boolean {
  const [left, right] = [usableBackends(a.pool), usableBackends(b.pool)];
  return (
    left.length === right.length &&
    left.every(({ address, port, weight }, index) => {
      const other = right[index]!;
      return address === other.address && port === other.port && weight === other.weight;
    })
  );
}
