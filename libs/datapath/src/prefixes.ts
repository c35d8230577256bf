import { type Address, type Family, formatPrefix, fromBytes, type Prefix, prefixOf, toBytes } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import { prefix4KeyCodec, prefix6KeyCodec, prefixCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { DatapathError } from './error.ts';
import { type OnFull, type TablePressure, withRoom } from './table.ts';

/** What holds for addresses of a prefix that no longer one covers. */
export interface PrefixEntry {
  readonly prefix: Prefix;
  /** Of addresses that nobody has; 0 inside the cluster's ranges (design D4). */
  readonly identity: number;
  /** Of all its addresses; 0: none. */
  readonly peerClass: number;
}

/** What became of a reconciliation. */
export interface PrefixChanges {
  readonly written: number;
  readonly deleted: number;
  readonly refused: readonly { readonly prefix: Prefix; readonly error: DatapathError }[];
}

const tableNames = { 4: 'prefixes_v4', 6: 'prefixes_v6' } as const;

function encodeKey({ family, value, bits }: Prefix): Buffer {
  const address = toBytes({ family, value }, family === 4 ? 4 : 16);
  if (family === 6) return prefix6KeyCodec.encode({ prefixLength: bits, address });
  return prefix4KeyCodec.encode({ prefixLength: bits, address: Buffer.from(address).readUInt32BE() });
}

function decodeKey(family: Family, key: Buffer): Prefix {
  const { prefixLength } = prefix4KeyCodec.read(key);
  const { value } = fromBytes(key.subarray(4));
  // ::/0 and other short IPv6 prefixes have first addresses that could pass for a mapped one only beyond 96 bits.
  return family === 4 ? prefixOf({ family, value }, prefixLength) : Object.freeze({ family, value, bits: prefixLength });
}

/**
 * Maps `prefixes_v4` and `prefixes_v6`. A look-up in a trie from user space gives the longest match, never "this very entry": so what is in there is remembered
 * here, read once when it is opened.
 */
export class PrefixTable {
  readonly #maps: Readonly<Record<Family, BpfMap>>;
  readonly #clock: Clock;
  readonly #onFull: OnFull;
  readonly #entries = new Map<string, PrefixEntry>();

  private constructor(maps: Readonly<Record<Family, BpfMap>>, clock: Clock, onFull: OnFull) {
    this.#maps = maps;
    this.#clock = clock;
    this.#onFull = onFull;
  }

  static async open(maps: Readonly<Record<Family, BpfMap>>, clock: Clock, onFull: OnFull): Promise<PrefixTable> {
    const table = new PrefixTable(maps, clock, onFull);
    for (const family of [4, 6] as const)
      for (const entry of await readPrefixes(family, maps[family])) table.#entries.set(formatPrefix(entry.prefix), entry);
    return table;
  }

  get pressure(): readonly TablePressure[] {
    return ([4, 6] as const).map((family) => ({
      table: tableNames[family],
      entries: [...this.#entries.values()].filter(({ prefix }) => prefix.family === family).length,
      capacity: this.#maps[family].info.maxEntries,
    }));
  }

  entries(): readonly PrefixEntry[] {
    return [...this.#entries.values()];
  }

  /** What the kernel takes an address for that nobody has: the identity of the longest prefix that covers it. 0: unknown. */
  identityOf({ family, value }: Address): number {
    const longest = this.#maps[family].lookup(encodeKey({ family, value, bits: family === 4 ? 32 : 128 }));
    return longest === null ? 0 : prefixCodec.read(longest).identity;
  }

  /** Writes what is wanted, then deletes everything else, in one turn. A prefix that doesn't fit is reported and doesn't keep the others out. */
  reconcile(wanted: readonly PrefixEntry[]): PrefixChanges {
    const desired = new Map(wanted.map((entry) => [formatPrefix(entry.prefix), entry]));
    const surplus = [...this.#entries.values()].filter(({ prefix }) => !desired.has(formatPrefix(prefix)));
    const changed = [...desired.values()].filter((entry) => !this.#holds(entry));
    if (surplus.length + changed.length === 0) return { written: 0, deleted: 0, refused: [] };
    return this.#clock.turn(() => {
      this.#clock.prefixesChanged();
      // An address is never without the prefix that is to cover it; what finds no room at first may find it after the deletions.
      const postponed = this.#writeAll(changed).map(({ entry }) => entry);
      for (const { prefix } of surplus) this.#delete(prefix);
      const refused = this.#writeAll(postponed).map(({ entry, error }) => ({ prefix: entry.prefix, error }));
      return { written: changed.length - refused.length, deleted: surplus.length, refused };
    });
  }

  /** Returns what found no room. */
  #writeAll(entries: readonly PrefixEntry[]): readonly { readonly entry: PrefixEntry; readonly error: DatapathError }[] {
    return entries.flatMap((entry) => {
      try {
        this.#write(entry);
        return [];
      } catch (error) {
        if (error instanceof DatapathError) return [{ entry, error }];
        throw error;
      }
    });
  }

  #holds({ prefix, identity, peerClass }: PrefixEntry): boolean {
    const held = this.#entries.get(formatPrefix(prefix));
    return held !== undefined && held.identity === identity && held.peerClass === peerClass;
  }

  #write(entry: PrefixEntry): void {
    const { prefix, identity, peerClass } = entry;
    const text = formatPrefix(prefix);
    const value = prefixCodec.encode({ identity, peerClass });
    withRoom(tableNames[prefix.family], text, this.#onFull, () => this.#maps[prefix.family].update(encodeKey(prefix), value));
    this.#entries.set(text, entry);
  }

  #delete(prefix: Prefix): void {
    this.#maps[prefix.family].delete(encodeKey(prefix));
    this.#entries.delete(formatPrefix(prefix));
  }
}

/** All entries of one family's map. */
export async function readPrefixes(family: Family, map: BpfMap): Promise<readonly PrefixEntry[]> {
  const { keySize } = map.info;
  const found: PrefixEntry[] = [];
  for await (const { count, keys, values } of map.batches()) {
    for (let i = 0; i < count; i++) {
      const prefix = decodeKey(family, keys.subarray(i * keySize, (i + 1) * keySize));
      const { identity, peerClass } = prefixCodec.read(values, i * prefixCodec.size);
      found.push({ prefix, identity, peerClass });
    }
  }
  return found;
}
