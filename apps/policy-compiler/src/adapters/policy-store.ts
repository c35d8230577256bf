import type { PolicyRow } from '@myelin/contracts/policy';
import type { Revision } from '@myelin/contracts/types';
import type { RevisedRow, RowTable } from '@myelin/outbox';
import type { PolicyKind, PolicyReference } from '@myelin/policy-model';
import { policyKey, type StoredDocument } from '../domain/compiled-state.ts';

/** Policy documents in Redis; every change is announced in the stream `policies`. */
export class PolicyStore {
  readonly #table: RowTable<PolicyRow>;

  constructor(table: RowTable<PolicyRow>) {
    this.#table = table;
  }

  /** References of those keys that are stored. */
  async references(keys: readonly string[]): Promise<ReadonlyMap<string, PolicyReference>> {
    const rows = await this.#table.get(keys);
    return new Map(rows.flatMap((row) => (row === null ? [] : [[row.key, readRow(row.row).reference]])));
  }

  /** Stores and removes, all or none. Returns the revision after it, and the keys that were there to be removed. */
  change(documents: readonly StoredDocument[], removals: readonly string[]): Promise<{ revision: Revision; removed: string[] }> {
    return this.#table.change(
      documents.map(({ reference, document }) => ({ reference: { ...reference }, document })),
      removals,
    );
  }

  /** All documents, sorted by namespace, kind and name. */
  async list(): Promise<{ revision: Revision; rows: readonly RevisedRow<PolicyRow>[] }> {
    const { revision, rows } = await this.#table.list();
    const order = ({ row }: RevisedRow<PolicyRow>) => `${row.reference?.namespace}/${policyKey(readRow(row).reference)}`;
    return { revision, rows: rows.sort((a, b) => (order(a) < order(b) ? -1 : 1)) };
  }
}

/** A row of the stream as the domain sees it. */
export function readRow({ reference, document }: PolicyRow): StoredDocument {
  const { kind = '', namespace = '', name = '', uid = '' } = reference ?? {};
  return { reference: { kind: kind as PolicyKind, namespace, name, uid }, document };
}
