import type { BpfMap } from '@myelin/bpf-native';
import { DatapathError, isFull } from './error.ts';

/** How full a table is. */
export interface TablePressure {
  readonly table: string;
  readonly entries: number;
  readonly capacity: number;
}

/** Told about each write that a full table refused. */
export type OnFull = (table: string) => void;

/** Key of an array map. */
export function indexKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32LE(index);
  return key;
}

/** Runs a write and turns "no room" into a DatapathError that names the object. */
export function withRoom<T>(table: string, object: string, onFull: OnFull, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    if (!isFull(cause)) throw cause;
    onFull(table);
    throw new DatapathError('full', object, `no room for ${object}: the table ${table} is full`, { cause });
  }
}

/** A hash map that knows how many entries it has: the kernel doesn't say. */
export class CountedHash {
  readonly table: string;
  readonly #map: BpfMap;
  readonly #onFull: OnFull;
  #count = 0;

  private constructor(table: string, map: BpfMap, onFull: OnFull) {
    this.table = table;
    this.#map = map;
    this.#onFull = onFull;
  }

  static async open(table: string, map: BpfMap, onFull: OnFull): Promise<CountedHash> {
    const hash = new CountedHash(table, map, onFull);
    for await (const { count } of map.batches()) hash.#count += count;
    return hash;
  }

  get pressure(): TablePressure {
    return { table: this.table, entries: this.#count, capacity: this.#map.info.maxEntries };
  }

  read(key: Buffer): Buffer | null {
    return this.#map.lookup(key);
  }

  /** Throws DatapathError `full` that names `object`. */
  write(key: Buffer, value: Buffer, object: string): void {
    withRoom(this.table, object, this.#onFull, () => {
      if (this.#map.update(key, value, { when: 'exist' })) return;
      this.#map.update(key, value, { when: 'noExist' });
      this.#count++;
    });
  }

  /** False when there was none. */
  delete(key: Buffer): boolean {
    const existed = this.#map.delete(key);
    if (existed) this.#count--;
    return existed;
  }

  /** Copies of all keys. */
  async keys(): Promise<readonly Buffer[]> {
    const size = this.#map.info.keySize;
    const keys: Buffer[] = [];
    for await (const batch of this.#map.batches()) {
      const copy = Buffer.from(batch.keys);
      for (let i = 0; i < batch.count; i++) keys.push(copy.subarray(i * size, (i + 1) * size));
    }
    return keys;
  }
}
