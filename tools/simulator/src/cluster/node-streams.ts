import { compareRevisions, type Revision, zeroRevision } from '@myelin/revision';
import { atOnce, type Machine } from '../machine.ts';
import type { RegistryModel } from '../model/registry.ts';
import type { PresentedRow } from '../model/registry-recovery.ts';
import type { EndpointRow } from '../model/registry-types.ts';
import { knownAt, nextOf, type ReadMark, revisionOf, rowsAt, type StateLog } from '../model/state-log.ts';
import type { Beyond } from './allocator-recovery.ts';
import type { Kernel } from './kernel.ts';

/** What reading needs of its node. */
export interface StreamReader {
  readonly name: string;
  readonly kernel: Kernel;
  readonly registry: Pick<RegistryModel, Kind>;
  /** The allocator has an address for an endpoint of this node. */
  readonly onOwn: (uid: string) => void;
  /** The kernel stands for a later revision. */
  readonly onApplied: () => void;
}

const kinds = ['identities', 'endpoints', 'nodes'] as const;
type Kind = (typeof kinds)[number];
type Marks = { readonly [K in Kind]: ReadMark<never> | null };

const nowhere: Marks = { identities: null, endpoints: null, nodes: null };

/** How an agent brings the streams of nodes and addresses into its kernel: first all that there is, then one change after the other. What it has read, identities too, it knows for whoever loses it. */
export class NodeStreams {
  readonly machines: readonly Machine[];
  readonly #reader: StreamReader;
  /** How far each has been taken; null: no whole snapshot yet. */
  #read: Marks = nowhere;

  constructor(reader: StreamReader) {
    this.#reader = reader;
    const { nodes, endpoints, identities } = reader.registry;
    this.machines = [
      this.#consumer('nodes', nodes, (key, row) => this.#setNode(key, row !== null)),
      this.#consumer('endpoints', endpoints, (key, row) => this.#setAddress(key, row)),
      this.#consumer('identities', identities, () => {}),
    ];
  }

  /** Begins anew. */
  restart(): void {
    this.#read = nowhere;
  }

  /** What the node may say that it has applied. */
  revisionOf(kind: Kind): Revision {
    const mark = this.#read[kind];
    return mark === null ? zeroRevision : revisionOf(mark);
  }

  /** Whether it has read all that there is. */
  get isCaughtUp(): boolean {
    return kinds.every(
      (kind) => this.#read[kind] !== null && compareRevisions(this.revisionOf(kind), this.#reader.registry[kind].revision) === 0,
    );
  }

  /** Rows and removals that it has read, beyond what whole buckets tell. */
  known(beyond: Beyond): readonly PresentedRow[] {
    return kinds.flatMap((kind) => {
      const mark = this.#read[kind];
      const after = beyond[kind] ?? zeroRevision;
      const all = mark === null ? [] : [...knownAt(mark)];
      return all.filter(([, { revision }]) => compareRevisions(revision, after) > 0).map(([key, known]) => ({ kind, key, known }));
    });
  }

  #consumer<Row>(kind: Kind, log: StateLog<Row>, take: (key: string, row: Row | null) => void): Machine {
    const markOf = () => this.#read[kind] as ReadMark<Row> | null;
    const read = () => {
      const next = nextOf(log, markOf());
      if (next === null) return null;
      const { mark, isAll } = next;
      if (isAll) this.#takeAll(kind, mark, take);
      else {
        const { key, row } = mark.bucket.changes[mark.at - 1]!;
        take(key, row);
      }
      this.#read = { ...this.#read, [kind]: mark };
      this.#reader.onApplied();
      return null;
    };
    return {
      name: `${this.#reader.name} ${kind}`,
      isLocal: true,
      begin: () => (nextOf(log, markOf()) === null ? null : atOnce(read)),
      answer: () => {},
      fail: () => {},
      describe: () => `is at ${this.revisionOf(kind).counter}`,
    };
  }

  /** A whole bucket: what an earlier process left, or was in the bucket before, and nobody has any more goes. */
  #takeAll<Row>(kind: Kind, mark: ReadMark<Row>, take: (key: string, row: Row | null) => void): void {
    const { kernel } = this.#reader;
    const rows = rowsAt(mark);
    const known = { nodes: kernel.nodes, endpoints: kernel.addresses.keys(), identities: [] }[kind];
    for (const key of [...known]) if (!rows.has(key)) take(key, null);
    for (const [key, row] of rows) take(key, row);
  }

  #setNode(name: string, isThere: boolean): void {
    const { kernel, name: own } = this.#reader;
    if (name === own) return;
    if (isThere) kernel.nodes.add(name);
    else kernel.nodes.delete(name);
  }

  /** Entries of this node's endpoints are nobody else's affair. */
  #setAddress(address: string, row: EndpointRow | null): void {
    const { name, kernel, onOwn } = this.#reader;
    if (row?.node === name) onOwn(row.endpointUid);
    if (row?.node === name || kernel.addresses.get(address)?.node === name) return;
    if (row === null) kernel.addresses.delete(address);
    else kernel.addresses.set(address, { identity: row.identity, node: row.node });
  }
}
