import { type BackendRow, type FrontendKey, type KernelServices, keyText, type PoolRow, type Step } from '../rows.ts';

/** Maps as the datapath would find them, and its look-up, written from README, "Maps" alone. Writes that make no sense throw. */
export class KernelMaps {
  readonly frontends = new Map<string, number>();
  readonly pools = new Map<number, PoolRow>();
  readonly tables = new Map<number, Uint16Array>();
  readonly backends = new Map<number, BackendRow & { readonly pool: number }>();
  readonly epochs = new Map<number, number>();
  /** Whether whoever wrote last did not finish. */
  interrupted = false;
  readonly #keys = new Map<string, FrontendKey>();

  write(step: Step): void {
    switch (step.map) {
      case 'frontends':
        this.#keys.set(keyText(step.key), step.key);
        this.#set(this.frontends, keyText(step.key), step.pool);
        break;
      case 'pools':
        this.#set(this.pools, step.pool, step.row);
        break;
      case 'tables':
        this.#set(this.tables, step.pool, step.table);
        break;
      case 'table':
        for (const [position, slot] of step.slots) this.tables.get(step.pool)![position] = slot;
        break;
      case 'backends':
        this.#set(this.backends, step.index, step.row === null ? null : { ...step.row, pool: step.pool });
        break;
      case 'epochs':
        this.epochs.set(step.pool, (this.epochs.get(step.pool) ?? 0) + 1);
        break;
    }
  }

  /** Where a new flow to a frontend goes that hashes to a position: a backend, 'refused' (158), or 'nowhere': no such frontend. */
  lookup(frontend: string, position: number): string {
    const number = this.frontends.get(frontend);
    if (number === undefined) return 'nowhere';
    const pool = this.pools.get(number);
    if (pool === undefined) return `pool ${number} is missing`;
    if (pool.usable === 0) return 'refused';
    const slot = pool.usable === 1 ? pool.only : this.tables.get(number)?.[position];
    if (slot === undefined) return `table ${number} is missing`;
    if (slot >= pool.room) return `slot ${slot} is beyond the pool`;
    const backend = this.backends.get(pool.first + slot);
    return backend === undefined ? `backend ${pool.first + slot} is missing` : `${backend.address}:${backend.port}`;
  }

  /** As the datapath reads them back. */
  held(): KernelServices {
    const { frontends, pools, backends, interrupted } = this;
    const keyed = [...frontends].map(([text, pool]) => [text, { key: this.#keys.get(text)!, pool }] as const);
    return { frontends: new Map(keyed), pools, tables: new Set(this.tables.keys()), backends, interrupted };
  }

  sizes(): Readonly<Record<string, number>> {
    return { frontends: this.frontends.size, pools: this.pools.size, tables: this.tables.size, backends: this.backends.size };
  }

  #set<K, V>(map: Map<K, V>, key: K, value: V | null): void {
    if (value !== null) map.set(key, value);
    else if (!map.delete(key)) throw new Error(`nothing to delete at ${String(key)}`);
  }
}
