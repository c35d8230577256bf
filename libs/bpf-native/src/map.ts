import { readFileSync } from 'node:fs';
import { BpfError } from './error.ts';
import { type MapHandle, type NativeMapInfo, native } from './native.ts';

const flagOf = { any: 0, noExist: 1, exist: 2 } as const;
const lockFlag = 4;
const defaultBatch = 4096;

/** Identity and shape of a map as the kernel states them. */
export type MapInfo = NativeMapInfo;

/** How an entry is written or read. */
export interface UpdateOptions {
  /** Write whatever is there (default), only a new entry, or only one that exists. */
  readonly when?: keyof typeof flagOf;
  /** Take the value's `bpf_spin_lock` meanwhile (`BPF_F_LOCK`); the lock's own bytes are left alone. */
  readonly lock?: boolean;
}

/** Description of a map to create. */
export interface MapSpec {
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

/** Many entries, their keys and values end to end. */
export interface EntryBatch {
  readonly count: number;
  readonly keys: Buffer;
  readonly values: Buffer;
}

/**
 * A map of the kernel. Keys and values are Buffers of exactly the map's sizes (RangeError otherwise); values of per-CPU maps hold one slot for
 * each of {@link possibleCpus}, each padded to 8 bytes. All methods throw {@link BpfError}.
 */
export class BpfMap {
  readonly #handle: MapHandle;
  /** Shape of the map. */
  readonly info: MapInfo;

  /** For this library: wraps a handle of the addon. */
  constructor(handle: MapHandle) {
    this.#handle = handle;
    this.info = native.mapInfo(handle);
  }

  /** A new map that nothing but this handle holds until it is pinned or used by a program. */
  static create(spec: MapSpec): BpfMap {
    return new BpfMap(native.mapCreate(spec.type, spec.name, spec.keySize, spec.valueSize, spec.maxEntries, spec.flags ?? 0));
  }

  /** The map pinned at `path`. `ENOENT`: nothing there; `EINVAL`: not a map. */
  static openPinned(path: string): BpfMap {
    return new BpfMap(native.mapOpenPinned(path));
  }

  /** The map with this kernel-wide id. */
  static openId(id: number): BpfMap {
    return new BpfMap(native.mapOpenId(id));
  }

  /** For this library: the addon's handle. */
  get handle(): MapHandle {
    return this.#handle;
  }

  /** The descriptor: the value that a map-in-map takes. */
  get fd(): number {
    return this.info.fd;
  }

  /** Pins the map at `path` on a BPF file system. `EEXIST`: something is there. */
  pin(path: string): void {
    native.mapPin(this.#handle, path);
  }

  /** Gives the descriptor back. Every use but another `close()` throws from then on. */
  close(): void {
    native.mapClose(this.#handle);
  }

  /** Bytes of kernel memory that the map is charged for. */
  memoryBytes(): number {
    const { fd } = native.mapInfo(this.#handle);
    return Number(/^memlock:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 0);
  }

  /** A copy of the value, null when there is none. `lock`: read under the value's spin lock, never torn. */
  lookup(key: Uint8Array, options: { readonly lock?: boolean } = {}): Buffer | null {
    const value = Buffer.allocUnsafe(this.info.userValueSize);
    return this.lookupInto(key, value, options) ? value : null;
  }

  /** As {@link lookup}, into a Buffer of the caller's; false when there is no such entry. */
  lookupInto(key: Uint8Array, value: Uint8Array, { lock = false }: { readonly lock?: boolean } = {}): boolean {
    return native.mapLookup(this.#handle, key, value, lock ? lockFlag : 0);
  }

  /** Writes an entry; false when `when` forbade it. `E2BIG`: the map is full. */
  update(key: Uint8Array, value: Uint8Array, options: UpdateOptions = {}): boolean {
    return native.mapUpdate(this.#handle, key, value, updateFlags(options));
  }

  /** Deletes an entry; false when there was none. */
  delete(key: Uint8Array): boolean {
    return native.mapDelete(this.#handle, key);
  }

  /**
   * All keys. The one just yielded may be deleted; a hash map that others change meanwhile may show keys twice or start again, as the kernel says.
   */
  *keys(): Generator<Buffer> {
    let key: Buffer | null = null;
    let next: Buffer = Buffer.allocUnsafe(this.info.keySize);
    let more = native.mapNextKey(this.#handle, null, next);
    while (more) {
      key = next;
      next = Buffer.allocUnsafe(this.info.keySize);
      more = native.mapNextKey(this.#handle, key, next);
      yield key;
    }
  }

  /** All entries, one by one; for big maps use {@link batches}. */
  *entries(options: { readonly lock?: boolean } = {}): Generator<[key: Buffer, value: Buffer]> {
    for (const key of this.keys()) {
      const value = this.lookup(key, options);
      if (value !== null) yield [key, value];
    }
  }

  /**
   * Writes many entries off the main thread, in order; at an error those before it are written, and the message says at which it stopped.
   * `keys` and `values` must not change until the promise settles.
   */
  updateBatch(keys: Uint8Array, values: Uint8Array, options: UpdateOptions = {}): Promise<void> {
    return native.mapUpdateBatch(this.#handle, keys, values, updateFlags(options));
  }

  /** As {@link updateBatch}, on this thread. */
  updateBatchSync(keys: Uint8Array, values: Uint8Array, options: UpdateOptions = {}): void {
    native.mapUpdateBatchSync(this.#handle, keys, values, updateFlags(options));
  }

  /** Deletes many entries off the main thread; how many of them were there. */
  deleteBatch(keys: Uint8Array): Promise<number> {
    return native.mapDeleteBatch(this.#handle, keys);
  }

  /** As {@link deleteBatch}, on this thread. */
  deleteBatchSync(keys: Uint8Array): number {
    return native.mapDeleteBatchSync(this.#handle, keys);
  }

  /** The values of an array map end to end, by index, read on this thread: a system call for all, where {@link lookup} takes one for each. */
  arrayValues(): Buffer {
    const { keySize, userValueSize, maxEntries } = this.info;
    const keys = Buffer.allocUnsafe(keySize * maxEntries);
    const values = Buffer.allocUnsafe(userValueSize * maxEntries);
    for (let cursor: Buffer | null = null, read = 0; read < maxEntries; ) {
      const chunk = native.mapLookupBatchSync(
        this.#handle,
        cursor,
        keys.subarray(read * keySize),
        values.subarray(read * userValueSize),
        0,
      );
      read += chunk.count;
      cursor = chunk.cursor;
      if (cursor === null && read < maxEntries)
        throw new RangeError(`${this.info.name} has ${read} of ${maxEntries} entries: it is no array`);
    }
    return values;
  }

  /**
   * The whole map in batches of up to `size` entries (more where one hash bucket holds more), read off the main thread.
   * Each batch's Buffers are the next one's too: copy what is kept.
   */
  async *batches({
    size = defaultBatch,
    lock = false,
  }: {
    readonly size?: number;
    readonly lock?: boolean;
  } = {}): AsyncGenerator<EntryBatch> {
    const { keySize, userValueSize } = this.info;
    let keys = Buffer.allocUnsafe(keySize * size);
    let values = Buffer.allocUnsafe(userValueSize * size);
    for (let cursor: Buffer | null = null, more = true; more; ) {
      const capacity = keys.length / keySize;
      try {
        const chunk: { count: number; cursor: Buffer | null } = await native.mapLookupBatch(
          this.#handle,
          cursor,
          keys,
          values,
          lock ? lockFlag : 0,
        );
        cursor = chunk.cursor;
        more = cursor !== null;
        if (chunk.count > 0) {
          yield {
            count: chunk.count,
            keys: keys.subarray(0, chunk.count * keySize),
            values: values.subarray(0, chunk.count * userValueSize),
          };
        }
      } catch (error) {
        if (!(error instanceof BpfError && error.code === 'ENOSPC') || capacity >= this.info.maxEntries) throw error;
        keys = Buffer.allocUnsafe(keySize * capacity * 2);
        values = Buffer.allocUnsafe(userValueSize * capacity * 2);
      }
    }
  }
}

function updateFlags({ when = 'any', lock = false }: UpdateOptions): number {
  return flagOf[when] | (lock ? lockFlag : 0);
}

/**
 * Resolves when every program run that was under way at the call has ended (an RCU grace period, 5 to 20 ms, off the main thread): what no map leads to any more,
 * nobody reads any more. Sleepable programs are not waited for. Throws {@link BpfError}.
 */
export function waitForReaders(): Promise<void> {
  return native.waitForReaders();
}

/** How many CPUs this kernel may have: the slots of a per-CPU value. */
export function possibleCpus(): number {
  return native.possibleCpus();
}

/** The slots of a per-CPU value, as Buffers over the same bytes. `valueSize` is `info.valueSize`. */
export function perCpuSlots(value: Buffer, valueSize: number): Buffer[] {
  const stride = Math.ceil(valueSize / 8) * 8;
  return Array.from({ length: value.length / stride }, (_, cpu) => value.subarray(cpu * stride, cpu * stride + valueSize));
}
