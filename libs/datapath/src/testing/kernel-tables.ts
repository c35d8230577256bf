import { type BpfMap, BpfObject } from '@myelin/bpf-native';
import { findObjects } from '../find-objects.ts';
import { openTables, type Tables } from '../tables.ts';

/**
 * The real maps of the pods' programs without the programs, whose verification takes most of the time of opening a datapath; a second `open` finds them as the
 * one before left them.
 */
export class KernelTables {
  readonly #maps: ReadonlyMap<string, BpfMap>;
  /** By table: writes that were refused. */
  readonly refusals = new Map<string, number>();

  private constructor(maps: ReadonlyMap<string, BpfMap>) {
    this.#maps = maps;
  }

  static async create(sizes: Readonly<Record<string, number>> = {}): Promise<KernelTables> {
    const object = BpfObject.open(findObjects()[0]!);
    try {
      for (const { name } of object.programs()) object.setAutoload(name, false);
      for (const [name, size] of Object.entries({ flows_v4: 64, flows_v6: 64, ...sizes })) object.setMaxEntries(name, size);
      await object.load();
      const names = object.maps().flatMap(({ name, internal }) => (internal ? [] : [name]));
      return new KernelTables(new Map(names.map((name) => [name, object.map(name)])));
    } finally {
      object.close();
    }
  }

  open(): Promise<Tables> {
    return openTables(this.#maps, (table) => this.refusals.set(table, (this.refusals.get(table) ?? 0) + 1));
  }

  /** As the programs see it. */
  map(name: string): BpfMap {
    return this.#maps.get(name)!;
  }

  close(): void {
    for (const map of this.#maps.values()) map.close();
  }
}
