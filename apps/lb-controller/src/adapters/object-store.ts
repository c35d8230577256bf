import type { ServiceObject } from '@myelin/contracts/loadbalancing';
import type { Revision } from '@myelin/contracts/types';
import { encodeService, encodeSlice } from '@myelin/loadbalancing-wire';
import type { RowTable } from '@myelin/outbox';
import { type LoadBalancingObject, objectKey, referenceOf } from '../domain/submission.ts';

/** Services and slices in Redis; every change is announced in the stream `services`. */
export class ObjectStore {
  readonly #table: RowTable<ServiceObject>;

  constructor(table: RowTable<ServiceObject>) {
    this.#table = table;
  }

  /** When those of these Services that are stored were created, by key. */
  async creationTimes(objects: readonly LoadBalancingObject[]): Promise<ReadonlyMap<string, string>> {
    const keys = objects.filter(({ kind }) => kind === 'Service').map((object) => objectKey(referenceOf(object)));
    if (keys.length === 0) return new Map();
    const rows = await this.#table.get(keys);
    return new Map(
      rows.flatMap((row) =>
        row?.row.object?.$case === 'service' && row.row.object.value.created !== '' ? [[row.key, row.row.object.value.created]] : [],
      ),
    );
  }

  /** Stores and removes, all or none. Returns the revision after it, and the keys that were there to be removed. */
  change(objects: readonly LoadBalancingObject[], removals: readonly string[]): Promise<{ revision: Revision; removed: string[] }> {
    return this.#table.change(objects.map(rowOf), removals);
  }
}

const rowOf = (object: LoadBalancingObject): ServiceObject => ({
  object:
    object.kind === 'Service'
      ? { $case: 'service', value: encodeService(object.value) }
      : { $case: 'endpointSlice', value: encodeSlice(object.value) },
});
