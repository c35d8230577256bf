import { BpfMap, mapTypes } from '@myelin/bpf-native';
import { TABLE_BLOCK, tableBlockCodec } from '@myelin/datapath-layout';
import { blocksOf, tableBytes } from './service-rows.ts';
import { indexKey } from './table.ts';

/** Inner maps may differ in size. */
const innerMapFlag = 0x1000;

function createTable(blocks: number): BpfMap {
  return BpfMap.create({
    type: mapTypes.array,
    name: 'table',
    keySize: 4,
    valueSize: tableBlockCodec.size,
    maxEntries: blocks,
    flags: innerMapFlag,
  });
}

const keysOf = (numbers: readonly number[]) => Buffer.concat(numbers.map(indexKey));

/** Map `service_tables`. Who replaces one of its maps waits until nobody reads the old one any more (some 10 ms), so many are replaced at once, off the main thread. */
export class MaglevTables {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Whether the pool has a table. */
  has(pool: number): boolean {
    return this.#use(pool, () => true) ?? false;
  }

  /** Slot at each of the first `positions`; null: no table. */
  read(pool: number, positions: number): Uint16Array | null {
    return this.#use(pool, (table) => {
      const blocks = Array.from({ length: blocksOf(positions) }, (_, at) => tableBlockCodec.read(table.lookup(indexKey(at))!).slots);
      return Uint16Array.from(blocks.flat().slice(0, positions));
    });
  }

  /** Puts whole tables, each by one pointer: a look-up finds the old one or the new one. */
  async put(tables: ReadonlyMap<number, Uint16Array>): Promise<void> {
    if (tables.size === 0) return;
    const made = [...tables.values()].map((table) => {
      const map = createTable(blocksOf(table.length));
      map.updateBatchSync(keysOf(Array.from({ length: blocksOf(table.length) }, (_, at) => at)), tableBytes(table));
      return map;
    });
    try {
      await this.#map.updateBatch(keysOf([...tables.keys()]), keysOf(made.map(({ fd }) => fd)));
    } finally {
      for (const map of made) map.close();
    }
  }

  /** Writes some positions of a table that is there. */
  change(pool: number, slots: ReadonlyMap<number, number>): void {
    this.#use(pool, (table) => {
      for (const at of new Set([...slots.keys()].map((position) => Math.floor(position / TABLE_BLOCK)))) {
        const block = [...tableBlockCodec.read(table.lookup(indexKey(at))!).slots];
        for (let place = 0; place < TABLE_BLOCK; place++) block[place] = slots.get(at * TABLE_BLOCK + place) ?? block[place]!;
        table.update(indexKey(at), tableBlockCodec.encode({ slots: block }));
      }
    });
  }

  /** Takes the tables of these pools away. What stands there then has one block, which no table is so short as to have: deleting would wait for each one. */
  async drop(pools: readonly number[]): Promise<void> {
    if (pools.length === 0) return;
    const none = createTable(1);
    try {
      await this.#map.updateBatch(keysOf(pools), keysOf(pools.map(() => none.fd)));
    } finally {
      none.close();
    }
  }

  /** Null: no table. */
  #use<T>(pool: number, use: (table: BpfMap) => T): T | null {
    const id = this.#map.lookup(indexKey(pool));
    if (id === null) return null;
    const table = BpfMap.openId(id.readUInt32LE());
    try {
      return table.info.maxEntries === 1 ? null : use(table);
    } finally {
      table.close();
    }
  }
}
