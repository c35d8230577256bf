import { type Address, type Prefix, parseAddress } from '@myelin/address';
import type { EndpointAddress, Node } from '@myelin/contracts/identity';
import { type AddressTable, DatapathError, type NodeTable, type Peer } from '@myelin/datapath';
import { reservedIdentities } from '@myelin/labels';
import type { Log } from '@myelin/service';
import type { StreamBatch } from '@myelin/state-stream';
import type { StateFolder } from '../adapters/state-folder.ts';
import { clusterRanges, masqueradeRanges, type NodeRanges, rangesOf } from '../domain/cluster-ranges.ts';
import type { MasqueradeRanges } from '../domain/masquerade.ts';
import { type PeerRoute, peerRoutes } from '../domain/peer-routes.ts';
import type { Underlay } from './underlay.ts';

const numbersFile = 'nodes';

/** What keeping peers needs. */
export interface PeersOptions {
  readonly node: string;
  /** What the node was told to be reached by. */
  readonly nodeAddresses: readonly Address[];
  /** All addresses of the node's network namespace. */
  readonly hostAddresses: readonly Address[];
  /** Destinations outside the cluster that see pods' own addresses, too. */
  readonly exclusions: readonly Prefix[];
  /** Cluster ranges that an earlier process knew: valid until the stream says others. */
  readonly knownRanges: readonly Prefix[];
  readonly addresses: AddressTable;
  readonly nodes: NodeTable;
  readonly underlay: Underlay;
  readonly state: StateFolder;
  readonly log: Log;
  /** Entries of this node's endpoints: nobody else writes or prunes them. */
  readonly localPeers: () => ReadonlyMap<bigint, readonly [Address, Peer]>;
  readonly onClusterRanges: (ranges: readonly Prefix[]) => Promise<void>;
  readonly onMasquerade: (ranges: MasqueradeRanges) => Promise<void>;
  /** `complete`: there are no others. */
  readonly onRoutes: (routes: readonly PeerRoute[], complete: boolean) => Promise<void>;
}

/** Who has which address beyond this node's endpoints, and how it is reached: nodes, and endpoints of other nodes, as the streams say. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #nodes = new Map<string, NodeRanges>();
  readonly #numbers: Map<string, number>;
  /** Addresses that the stream gave to other nodes' endpoints. */
  readonly #remote = new Set<bigint>();
  #blocks: readonly Prefix[] | null = null;
  #nodesKnown = false;
  #endpointsKnown = false;
  #pruned = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#numbers = new Map(options.state.read<readonly (readonly [string, number])[]>(numbersFile) ?? []);
  }

  /** Writes the node's own addresses. */
  start(): void {
    for (const address of this.#options.hostAddresses) this.#set(address, { identity: reservedIdentities.host, slot: 0, node: 0 });
  }

  /** The node's own pod ranges. */
  async setBlocks(blocks: readonly Prefix[]): Promise<void> {
    this.#blocks = blocks;
    await this.#announceRanges();
  }

  /** Other nodes: their addresses, and the ranges of the cluster. */
  async applyNodes({ changed, removed, snapshotComplete }: StreamBatch<Node>): Promise<void> {
    for (const { row } of changed) if (row.name !== this.#options.node) this.#setNode(row.name, rangesOf(row));
    for (const { key } of removed) this.#removeNode(key);
    this.#nodesKnown ||= snapshotComplete;
    await this.#announceRanges();
    await this.#prune();
  }

  /** Endpoints of other nodes. */
  async applyEndpoints({ changed, removed, snapshotComplete }: StreamBatch<EndpointAddress>): Promise<void> {
    for (const { row } of changed) {
      const address = parseAddress(row.address);
      if (address === null || row.node === this.#options.node) continue;
      this.#set(address, { identity: row.identity, slot: 0, node: this.#slotOf(row.node) });
      this.#remote.add(address.value);
    }
    for (const { key } of removed) {
      const address = parseAddress(key);
      if (address === null || !this.#remote.delete(address.value)) continue;
      this.#delete(address);
    }
    this.#endpointsKnown ||= snapshotComplete;
    await this.#prune();
  }

  /** Slot of the node to which a tunnel leads; 0: packets go there as they are. */
  #slotOf(name: string): number {
    return this.#options.underlay.routing.mode === 'overlay' ? this.#numberOf(name) : 0;
  }

  /** Until all nodes are known, what an earlier process knew still holds; the table of masquerade, which outlives processes, is left alone. */
  async #announceRanges(): Promise<void> {
    const { nodeAddresses, exclusions, knownRanges, underlay, onClusterRanges, onMasquerade, onRoutes } = this.#options;
    const own = { addresses: nodeAddresses, podRanges: this.#blocks ?? [] };
    const others = [...this.#nodes.values()];
    const ranges = clusterRanges(own, others);
    await onClusterRanges(this.#nodesKnown && this.#blocks !== null ? ranges : [...knownRanges, ...ranges]);
    if (this.#nodesKnown && this.#blocks !== null) await onMasquerade(masqueradeRanges(own, others, exclusions, underlay.port));
    await onRoutes(peerRoutes(underlay.routing, nodeAddresses, others), this.#nodesKnown);
  }

  #setNode(name: string, ranges: NodeRanges): void {
    const kept = new Set(ranges.addresses.map(({ value }) => value));
    const before = this.#nodes.get(name)?.addresses ?? [];
    this.#nodes.set(name, ranges);
    const node = this.#slotOf(name);
    if (node !== 0) this.#setTunnel(node, name, ranges);
    for (const address of ranges.addresses) this.#set(address, { identity: reservedIdentities['remote-node'], slot: 0, node });
    for (const address of before) if (!kept.has(address.value)) this.#delete(address);
  }

  #removeNode(name: string): void {
    for (const address of this.#nodes.get(name)?.addresses ?? []) this.#delete(address);
    this.#nodes.delete(name);
    const slot = this.#slotOf(name);
    if (slot !== 0) this.#options.nodes.remove(slot);
  }

  /** The tunnel before the addresses behind it. */
  #setTunnel(slot: number, name: string, ranges: NodeRanges): void {
    const { nodes, underlay, log } = this.#options;
    const tunnel = underlay.tunnelTo(ranges);
    if (tunnel === null) {
      nodes.remove(slot);
      log.warn({ node: name }, "a node has no address of the tunnels' family: nothing reaches it");
      return;
    }
    try {
      nodes.set(slot, tunnel);
    } catch (error) {
      if (!(error instanceof DatapathError)) throw error;
      log.error({ node: name, reason: error.message }, 'a tunnel was refused by the kernel');
    }
  }

  /** Numbers of nodes mean something here only; one is never given to another node. */
  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = Math.max(0, ...this.#numbers.values()) + 1;
    this.#numbers.set(name, number);
    this.#options.state.write(numbersFile, [...this.#numbers]);
    return number;
  }

  #set(address: Address, peer: Peer): void {
    if (this.#options.localPeers().has(address.value)) return;
    try {
      this.#options.addresses.set(address, peer);
    } catch (error) {
      if (!(error instanceof DatapathError)) throw error;
      this.#options.log.error({ reason: error.message }, 'an address was refused by the kernel');
    }
  }

  #delete(address: Address): void {
    if (!this.#options.localPeers().has(address.value)) this.#options.addresses.delete(address);
  }

  /** Once both streams have been read as a whole: what an earlier process left in the kernel and nobody has any more goes. Never before (design D9). */
  async #prune(): Promise<void> {
    if (this.#pruned || !this.#nodesKnown || !this.#endpointsKnown) return;
    this.#pruned = true;
    const { addresses, hostAddresses, localPeers } = this.#options;
    const nodes = [...hostAddresses, ...[...this.#nodes.values()].flatMap((ranges) => ranges.addresses)].map(({ value }) => value);
    const keep = new Set([...localPeers().keys(), ...this.#remote, ...nodes]);
    const deleted = await addresses.prune((address) => keep.has(address.value));
    const slots = new Set([...this.#nodes.keys()].map((name) => this.#slotOf(name)));
    for (const slot of this.#options.nodes.slots()) if (!slots.has(slot)) this.#options.nodes.remove(slot);
    if (deleted > 0) this.#options.log.info({ deleted }, 'addresses of endpoints that are gone were deleted');
  }
}
