import { type Revision, zeroRevision } from '@myelin/revision';
import { atOnce, type Machine } from '../machine.ts';
import type { RegistryModel } from '../model/registry.ts';
import type { EndpointRow } from '../model/registry-types.ts';
import type { StateLog } from '../model/state-log.ts';
import type { Kernel } from './kernel.ts';

/** What reading needs of its node. */
export interface StreamReader {
  readonly name: string;
  readonly kernel: Kernel;
  readonly registry: Pick<RegistryModel, 'nodes' | 'endpoints'>;
  /** The allocator has an address for an endpoint of this node. */
  readonly onOwn: (uid: string) => void;
  /** The kernel stands for a later revision. */
  readonly onApplied: () => void;
}

type Kind = 'nodes' | 'endpoints';

/** How an agent brings the streams of nodes and addresses into its kernel: first all that there is, then one change after the other. */
export class NodeStreams {
  readonly machines: readonly Machine[];
  readonly #reader: StreamReader;
  /** How many changes have been taken; null: no whole snapshot yet. */
  #read: Record<Kind, number | null> = { endpoints: null, nodes: null };

  constructor(reader: StreamReader) {
    this.#reader = reader;
    const { nodes, endpoints } = reader.registry;
    this.machines = [
      this.#consumer('nodes', nodes, (key, row) => this.#setNode(key, row !== null)),
      this.#consumer('endpoints', endpoints, (key, row) => this.#setAddress(key, row)),
    ];
  }

  /** Begins anew. */
  restart(): void {
    this.#read = { endpoints: null, nodes: null };
  }

  /** How many changes of a stream have been taken; null: none yet. */
  at(kind: Kind): number | null {
    return this.#read[kind];
  }

  /** What the node may say that it has applied. */
  revisionOf(kind: Kind): Revision {
    const at = this.#read[kind];
    return at === null ? zeroRevision : this.#reader.registry[kind].revisionAt(at);
  }

  #consumer<Row>(kind: Kind, log: StateLog<Row>, take: (key: string, row: Row | null) => void): Machine {
    const read = () => {
      const at = this.#read[kind];
      if (at === null) this.#readAll(kind, log, take);
      else {
        const { key, row } = log.changes[at]!;
        take(key, row);
        this.#read[kind] = at + 1;
      }
      this.#reader.onApplied();
      return null;
    };
    return {
      name: `${this.#reader.name} ${kind}`,
      isLocal: true,
      begin: () => (this.#read[kind] === log.published ? null : atOnce(read)),
      answer: () => {},
      fail: () => {},
      describe: () => `is at ${this.#read[kind]}`,
    };
  }

  /** A whole snapshot: what an earlier process left and nobody has any more goes. */
  #readAll<Row>(kind: Kind, log: StateLog<Row>, take: (key: string, row: Row | null) => void): void {
    const { kernel } = this.#reader;
    const rows = log.publishedRows();
    const known = kind === 'nodes' ? kernel.nodes : kernel.addresses.keys();
    for (const key of [...known]) if (!rows.has(key)) take(key, null);
    for (const [key, row] of rows) take(key, row);
    this.#read[kind] = log.published;
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
