import { compareRevisions, type Revision } from '@myelin/revision';
import { type Entry, type NatsLink, newestWholeBucket, type StreamKind } from '@myelin/state-stream';

/** A row that Redis has lost, as NATS holds it; null: its tombstone. */
export interface LostRow<Row> {
  readonly key: string;
  readonly revision: Revision;
  readonly row: Row | null;
}

const connectWithinMs = 2000;

/**
 * The newest whole bucket of each kind, read once in an incarnation: nobody writes there while rows are on their way back. What can't be decoded is left out: nobody
 * could have followed it either.
 */
export class WholeBuckets {
  readonly #nats: NatsLink;
  #incarnation = 0n;
  readonly #read = new Map<string, readonly LostRow<unknown>[] | null>();

  constructor(nats: NatsLink) {
    this.#nats = nats;
  }

  /** All that the kind's newest whole bucket holds, by revision; null where there is none. Throws `unavailable` when NATS is away. */
  async rowsOf<Row>(kind: StreamKind<Row>, incarnation: bigint): Promise<readonly LostRow<Row>[] | null> {
    if (this.#incarnation !== incarnation) this.#read.clear();
    this.#incarnation = incarnation;
    let rows = this.#read.get(kind.name) as readonly LostRow<Row>[] | null | undefined;
    if (rows === undefined) {
      const connection = await this.#nats.connection(AbortSignal.timeout(connectWithinMs));
      const whole = await newestWholeBucket(connection, kind.name, this.#nats.wayTo(kind.name));
      rows =
        whole === null
          ? null
          : [...whole.entries]
              .flatMap(([key, entry]) => lostRow(kind, key, entry))
              .sort((a, b) => compareRevisions(a.revision, b.revision));
      this.#read.set(kind.name, rows);
    }
    return rows;
  }
}

function lostRow<Row>(kind: StreamKind<Row>, key: string, entry: Entry): readonly LostRow<Row>[] {
  if (entry.type !== 'row') return [{ key, revision: entry.revision, row: null }];
  try {
    return [{ key, revision: entry.revision, row: kind.decode(entry.payload) }];
  } catch {
    return [];
  }
}
