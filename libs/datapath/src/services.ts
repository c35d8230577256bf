import { createHash } from 'node:crypto';
import { type Address, address, formatAddress } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import {
  backendState,
  SERVICE_BACKENDS,
  SERVICE_POOLS,
  serviceBackendCodec,
  servicePoolCodec,
  serviceStateCodec,
} from '@myelin/datapath-layout';
import { type BackendRow, type FrontendKey, type KernelServices, keyText, type PoolRow, type Step } from '@myelin/loadbalancing';
import type { Clock } from './clock.ts';
import { DatapathError } from './error.ts';
import { raisePeerEpoch } from './peer-epochs.ts';
import { MaglevTables } from './service-maps.ts';
import { backendBytes, backendRowOf, type Family, frontendBytes, frontendKeyOf, memberKey, poolBytes, poolRowOf } from './service-rows.ts';
import { CountedHash, indexKey, type OnFull, type TablePressure } from './table.ts';

/** The maps of `bpf/include/maps/services.h` that the agent writes, and `peer_epochs`. */
export interface ServiceMaps {
  readonly frontends: Readonly<Record<Family, BpfMap>>;
  readonly pools: BpfMap;
  readonly tables: BpfMap;
  readonly backends: BpfMap;
  readonly members: BpfMap;
  readonly state: BpfMap;
  readonly peerEpochs: BpfMap;
}

const none = indexKey(0);
const emptyPool = servicePoolCodec.encode({ first: 0, room: 0, usable: 0, positions: 0, affinitySeconds: 0, only: 0 });
const emptyBackend = serviceBackendCodec.encode({ address: Buffer.alloc(16), port: 0, state: 0, pool: 0 });

/** Services in the kernel: writes what `NodeTables` (libs/loadbalancing) says, in its order, and reads it back. */
export class ServiceTables {
  readonly #maps: ServiceMaps;
  readonly #frontends: Readonly<Record<Family, CountedHash>>;
  readonly #members: CountedHash;
  readonly #tables: MaglevTables;
  readonly #clock: Clock;
  readonly #onFull: OnFull;
  /** Frontends that name each pool, by their key's text: whose epochs are raised with the pool's. */
  readonly #leading = new Map<number, Map<string, Address>>();
  /** Pool that each frontend names. */
  readonly #named = new Map<string, number>();
  /** Size of each pool's table, as of pools that ever had one. */
  readonly #positions = new Map<number, number>();
  readonly #inUse = new Set<number>();

  private constructor(
    maps: ServiceMaps,
    hashes: { readonly frontends: Readonly<Record<Family, CountedHash>>; readonly members: CountedHash },
    clock: Clock,
    onFull: OnFull,
  ) {
    this.#maps = maps;
    this.#frontends = hashes.frontends;
    this.#members = hashes.members;
    this.#tables = new MaglevTables(maps.tables);
    this.#clock = clock;
    this.#onFull = onFull;
  }

  static async open(maps: ServiceMaps, clock: Clock, onFull: OnFull): Promise<ServiceTables> {
    const frontends = {
      4: await CountedHash.open('frontends_v4', maps.frontends[4], onFull),
      6: await CountedHash.open('frontends_v6', maps.frontends[6], onFull),
    };
    const members = await CountedHash.open('pool_members', maps.members, onFull);
    const services = new ServiceTables(maps, { frontends, members }, clock, onFull);
    for (const { key, pool } of (await services.#readFrontends()).values()) services.#lead(key, pool);
    await services.#eachPool((number, { positions }) => {
      services.#inUse.add(number);
      if (positions > 0) services.#positions.set(number, positions);
    });
    return services;
  }

  get pressure(): readonly TablePressure[] {
    return [
      this.#frontends[4].pressure,
      this.#frontends[6].pressure,
      this.#members.pressure,
      { table: 'service_pools', entries: this.#inUse.size, capacity: SERVICE_POOLS - 1 },
    ];
  }

  /** What nodes share that choose alike: any text, the same as makes their tables. Idempotent. */
  setSeed(text: string): void {
    const hash = createHash('sha256').update(text).digest();
    const state = this.#state;
    const seeds = { seed: hash.readBigUInt64LE(), seedToo: hash.readBigUInt64LE(8) };
    if (state.seed !== seeds.seed || state.seedToo !== seeds.seedToo) this.#setState({ ...state, ...seeds });
  }

  /**
   * A `NodeTables`' writes, in one turn of the clock; one call at a time. Where a table is full its row is left out, all others are written, and the first DatapathError `full` is thrown in the end. Anything else that is
   * thrown leaves writes half done, as a crash does: {@link read} says `interrupted`, and the caller begins anew with what it reads.
   */
  async apply(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const tables = new Map(steps.flatMap((step) => (step.map === 'tables' && step.table !== null ? [[step.pool, step.table]] : [])));
    this.#setState({ ...this.#state, isWriting: 1 });
    // Nobody is led to them yet.
    await this.#tables.put(tables);
    for (const [pool, table] of tables) this.#positions.set(pool, table.length);
    const refused = this.#clock.turn((epoch) => this.#write(steps, epoch));
    await this.#tables.drop(steps.flatMap((step) => (step.map === 'tables' && step.table === null ? [step.pool] : [])));
    this.#setState({ ...this.#state, isWriting: 0 });
    if (refused !== null) throw refused;
  }

  /** What the kernel holds. */
  async read(): Promise<KernelServices> {
    const pools = new Map<number, PoolRow>();
    await this.#eachPool((number, value) => pools.set(number, poolRowOf(value)!));
    const backends = new Map<number, BackendRow & { readonly pool: number }>();
    for await (const { count, keys, values } of this.#maps.backends.batches()) {
      for (let at = 0; at < count; at++) {
        const offset = at * serviceBackendCodec.size;
        // Nearly all rows are empty.
        if (values[offset + serviceBackendCodec.offsets.state] === backendState.BACKEND_NONE) continue;
        const row = backendRowOf(serviceBackendCodec.read(values, offset));
        if (row !== null) backends.set(keys.readUInt32LE(at * 4), row);
      }
    }
    const tables = new Set([...pools.keys()].filter((number) => this.#tables.has(number)));
    return { frontends: await this.#readFrontends(), pools, tables, backends, interrupted: this.#state.isWriting !== 0 };
  }

  /** Slot at each position of a pool's table; null: it has none. */
  readTable(pool: number): Uint16Array | null {
    return this.#tables.read(pool, this.#positions.get(pool) ?? 0);
  }

  /** Maps, then epochs, then what nobody is led to any more. */
  #write(steps: readonly Step[], epoch: number): DatapathError | null {
    const afterEpochs = steps.findLastIndex(({ map }) => map === 'epochs') + 1 || steps.length;
    const changed = new Map<string, Address>();
    const refused: DatapathError[] = [];
    const write = (some: readonly Step[]) => {
      for (const step of some) {
        try {
          this.#writeStep(step, changed);
        } catch (error) {
          if (!(error instanceof DatapathError && error.code === 'full')) throw error;
          refused.push(error);
        }
      }
    };
    write(steps.slice(0, afterEpochs));
    for (const of of changed.values()) raisePeerEpoch(this.#maps.peerEpochs, of, epoch);
    write(steps.slice(afterEpochs));
    return refused[0] ?? null;
  }

  #writeStep(step: Step, changed: Map<string, Address>): void {
    switch (step.map) {
      case 'frontends':
        changed.set(step.key.address, address(step.key.address));
        this.#writeFrontend(step.key, step.pool);
        return;
      case 'pools':
        this.#writePool(step.pool, step.row);
        return;
      case 'backends':
        this.#writeBackend(step.index, step.pool, step.row);
        return;
      case 'table':
        this.#tables.change(step.pool, step.slots);
        return;
      case 'epochs':
        for (const of of this.#leading.get(step.pool)?.values() ?? []) changed.set(formatAddress(of), of);
        return;
      case 'tables':
        return;
    }
  }

  #writeFrontend(key: FrontendKey, pool: number | null): void {
    const { family, key: bytes } = frontendBytes(key);
    if (pool === null) {
      this.#frontends[family].delete(bytes);
      this.#unlead(key);
      return;
    }
    this.#frontends[family].write(bytes, indexKey(pool), keyText(key));
    this.#lead(key, pool);
  }

  #writePool(pool: number, row: PoolRow | null): void {
    if (pool >= SERVICE_POOLS) throw this.#full('service_pools', `pool ${pool}`);
    this.#maps.pools.update(indexKey(pool), row === null ? emptyPool : poolBytes(row, this.#positions.get(pool) ?? 0));
    if (row === null) this.#inUse.delete(pool);
    else this.#inUse.add(pool);
  }

  #writeBackend(index: number, pool: number, row: BackendRow | null): void {
    if (index >= SERVICE_BACKENDS) throw this.#full('service_backends', `backend ${index}`);
    const before = backendRowOf(serviceBackendCodec.read(this.#maps.backends.lookup(indexKey(index))!));
    if (before !== null && (row === null || memberKey(pool, row).compare(memberKey(before.pool, before)) !== 0))
      this.#forget(before, index);
    this.#maps.backends.update(indexKey(index), row === null ? emptyBackend : backendBytes(row, pool));
    if (row !== null) this.#members.write(memberKey(pool, row), indexKey(index), `backend ${row.address} port ${row.port}`);
  }

  /** The row's member, unless that has another row by now: of a pool that has moved. */
  #forget(before: BackendRow & { readonly pool: number }, index: number): void {
    const key = memberKey(before.pool, before);
    if (this.#members.read(key)?.readUInt32LE() === index) this.#members.delete(key);
  }

  #lead(key: FrontendKey, pool: number): void {
    const text = keyText(key);
    this.#unlead(key);
    this.#named.set(text, pool);
    const leading = this.#leading.get(pool) ?? new Map<string, Address>();
    this.#leading.set(pool, leading.set(text, address(key.address)));
  }

  #unlead(key: FrontendKey): void {
    const text = keyText(key);
    const pool = this.#named.get(text);
    if (pool === undefined) return;
    this.#named.delete(text);
    const leading = this.#leading.get(pool)!;
    leading.delete(text);
    if (leading.size === 0) this.#leading.delete(pool);
  }

  async #readFrontends(): Promise<KernelServices['frontends']> {
    const found = new Map<string, { readonly key: FrontendKey; readonly pool: number }>();
    for (const family of [4, 6] as const) {
      for (const bytes of await this.#frontends[family].keys()) {
        const key = frontendKeyOf(family, bytes);
        const value = this.#frontends[family].read(bytes);
        if (value !== null) found.set(keyText(key), { key, pool: value.readUInt32LE() });
      }
    }
    return found;
  }

  /** Those that are in use. */
  async #eachPool(use: (number: number, value: ReturnType<typeof servicePoolCodec.read>) => void): Promise<void> {
    for await (const { count, keys, values } of this.#maps.pools.batches()) {
      for (let at = 0; at < count; at++) {
        const offset = at * servicePoolCodec.size;
        if (values.readUInt32LE(offset + servicePoolCodec.offsets.room) !== 0)
          use(keys.readUInt32LE(at * 4), servicePoolCodec.read(values, offset));
      }
    }
  }

  get #state() {
    return serviceStateCodec.read(this.#maps.state.lookup(none)!);
  }

  #setState(state: ReturnType<typeof serviceStateCodec.read>): void {
    this.#maps.state.update(none, serviceStateCodec.encode(state));
  }

  #full(table: string, object: string): DatapathError {
    this.#onFull(table);
    return new DatapathError('full', object, `no room for ${object}: the table ${table} is full`);
  }
}
