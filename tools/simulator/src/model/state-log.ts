import type { Revision } from '@myelin/contracts/types';

/** A row of a stream that came, or (null) went. */
export interface StateChange<Row> {
  readonly counter: number;
  readonly key: string;
  readonly row: Row | null;
}

/**
 * A kind's rows and all changes of them in their order, as Redis and NATS keep them together: relays and consumers (simulated by world.ts in their own right) come to nothing else than that somebody at revision r has exactly
 * the rows of r.
 */
export class StateLog<Row> {
  readonly changes: StateChange<Row>[] = [];
  readonly rows = new Map<string, { readonly row: Row; readonly revision: Revision }>();
  readonly #incarnation: bigint;
  /** How many changes the relay has published. */
  published = 0;

  constructor(incarnation: bigint) {
    this.#incarnation = incarnation;
  }

  get revision(): Revision {
    return this.revisionAt(this.changes.length);
  }

  revisionAt(counter: number): Revision {
    return { incarnation: this.#incarnation, counter: BigInt(counter) };
  }

  /** The revision of the row; what is the same already isn't changed. */
  set(key: string, row: Row): Revision {
    const before = this.rows.get(key);
    if (before !== undefined && JSON.stringify(before.row) === JSON.stringify(row)) return before.revision;
    this.changes.push({ counter: this.changes.length + 1, key, row });
    const { revision } = this;
    this.rows.set(key, { row, revision });
    return revision;
  }

  /** The revision of the removal; null where there was nothing. */
  remove(key: string): Revision | null {
    if (!this.rows.delete(key)) return null;
    this.changes.push({ counter: this.changes.length + 1, key, row: null });
    return this.revision;
  }

  isPublished({ incarnation, counter }: Revision): boolean {
    return incarnation === this.#incarnation && counter <= BigInt(this.published);
  }

  /** All rows as of what is published. */
  publishedRows(): ReadonlyMap<string, Row> {
    const rows = new Map<string, Row>();
    for (const { key, row } of this.changes.slice(0, this.published))
      if (row === null) rows.delete(key);
      else rows.set(key, row);
    return rows;
  }
}
