import type { BpfMap } from '@myelin/bpf-native';

/** A key or value that is one number. */
export function integerKey(of: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(of);
  return key;
}

/** A map that can be put back to how it was found: empty, or (arrays) zero. */
export class TestMap {
  readonly #map: BpfMap;
  readonly #written = new Map<string, Uint8Array>();

  constructor(map: BpfMap) {
    this.#map = map;
  }

  write(key: Uint8Array, value: Uint8Array): void {
    this.#map.update(key, value);
    this.#written.set(Buffer.from(key).toString('hex'), Buffer.from(key));
  }

  /** All zero where there is nothing. */
  read(key: Uint8Array): Buffer {
    return this.#map.lookup(key) ?? Buffer.alloc(this.#map.info.valueSize);
  }

  remove(key: Uint8Array): void {
    this.#map.delete(key);
  }

  reset(): void {
    const isArray = this.#map.info.type === 2;
    for (const key of this.#written.values()) {
      if (isArray) this.#map.update(key, Buffer.alloc(this.#map.info.valueSize));
      else this.#map.delete(key);
    }
    this.#written.clear();
  }
}
