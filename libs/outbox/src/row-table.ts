import type { Revision } from '@myelin/contracts/types';
import type { StreamKind } from '@myelin/state-stream';
import { parseRecord, parseRevision, rowOf } from './record.ts';
import { stateScript } from './script.ts';
import { changeRows, getRows, listRows } from './scripts/rows.lua.ts';
import type { Reply, Store } from './store.ts';

/** A row as Redis holds it. */
export interface RevisedRow<Row> {
  readonly key: string;
  readonly row: Row;
  readonly revision: Revision;
}

const change = stateScript(changeRows);
const list = stateScript(listRows);
const get = stateScript(getRows);

/** Rows of one kind in Redis, for services whose rows need no script of their own. Every change is announced by the kind's relay. */
export class RowTable<Row> {
  readonly #kind: StreamKind<Row>;
  readonly #store: Store;

  constructor(kind: StreamKind<Row>, store: Store) {
    this.#kind = kind;
    this.#store = store;
  }

  /**
   * Writes and removes rows, all or none, in one step. Returns the kind's revision after it and the keys that were there to be removed. A row that does not
   * differ keeps its revision. Payloads are compared as JSON text, so build them with fields in the same order.
   */
  async change(puts: readonly Row[], removals: readonly string[]): Promise<{ revision: Revision; removed: string[] }> {
    const changes = [...puts.flatMap((row) => [this.#kind.keyOf(row), JSON.stringify(row)]), ...removals.flatMap((key) => [key, ''])];
    const [, revision, ...removed] = await this.#store.run(change, this.#kind.name, ...changes);
    return { revision: parseRevision(revision!), removed };
  }

  /** All rows, in no order, as of one revision. */
  async list(): Promise<{ revision: Revision; rows: RevisedRow<Row>[] }> {
    const [, revision, ...pairs] = await this.#store.run(list, this.#kind.name);
    const rows: RevisedRow<Row>[] = [];
    for (let i = 0; i < pairs.length; i += 2) {
      const row = this.#read(pairs[i]!, pairs[i + 1]!);
      if (row !== null) rows.push(row);
    }
    return { revision: parseRevision(revision!), rows };
  }

  /** The rows of some keys, in their order; null for a key without a row. */
  async get(keys: readonly string[]): Promise<(RevisedRow<Row> | null)[]> {
    const [, , ...records]: Reply = await this.#store.run(get, this.#kind.name, ...keys);
    return keys.map((key, i) => (records[i] === '' ? null : this.#read(key, records[i]!)));
  }

  #read(key: string, record: string): RevisedRow<Row> | null {
    const { revision, payload } = parseRecord(record);
    return payload === null ? null : { key, row: rowOf(this.#kind, payload), revision };
  }
}
