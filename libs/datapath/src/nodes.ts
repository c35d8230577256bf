import { type Address, formatPrefix, fromBytes, type Prefix, prefixOf, toBytes } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import { NODES, type Node, nodeCodec, nodeSlotCodec, prefix6KeyCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { DatapathError } from './error.ts';
import { indexKey, type OnFull, type TablePressure, withRoom } from './table.ts';

/** Another node, and how its pods are reached through a tunnel. */
export interface TunnelledNode {
  /** Outer address. */
  readonly address: Address;
  /** Of its tunnel device, and of this node's: `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
  readonly ownMac: string;
  /** Index of this node's tunnel device. */
  readonly ifindex: number;
  /** Of packets inside, in bytes. */
  readonly mtu: number;
  /** It speaks for the addresses in these, and for no others but its own. */
  readonly podRanges: readonly Prefix[];
}

interface NodeMaps {
  readonly nodes: BpfMap;
  readonly slots: BpfMap;
  readonly ranges: BpfMap;
}

/** Both families share the table: IPv4 lies behind ::ffff:. */
const rangeKey = ({ family, value, bits }: Prefix): Buffer =>
  prefix6KeyCodec.encode({ prefixLength: family === 4 ? 96 + bits : bits, address: toBytes({ family, value }) });

function rangeOf(key: Buffer): Prefix {
  const { prefixLength, address } = prefix6KeyCodec.read(key);
  const found = fromBytes(Buffer.from(address));
  return prefixOf(found, found.family === 4 ? prefixLength - 96 : prefixLength);
}

const macBytes = (mac: string) => Buffer.from(mac.replaceAll(':', ''), 'hex');
const unused = nodeCodec.encode({
  mac: Buffer.alloc(6),
  ownMac: Buffer.alloc(6),
  interface: 0,
  address: Buffer.alloc(16),
  mtu: 0,
  family: 0,
});

/** Maps `nodes`, `node_slots` and `pod_ranges`: the nodes to which tunnels lead. A slot (1 … 4095) is one node's for ever; who gives them remembers them. */
export class NodeTable {
  readonly #maps: NodeMaps;
  readonly #clock: Clock;
  readonly #onFull: OnFull;
  /** Outer addresses (16 bytes in hexadecimal) and pod ranges (as text) with the slots that they lead to. */
  readonly #addresses = new Map<string, number>();
  readonly #ranges = new Map<string, { readonly prefix: Prefix; readonly slot: number }>();

  private constructor(maps: NodeMaps, clock: Clock, onFull: OnFull) {
    this.#maps = maps;
    this.#clock = clock;
    this.#onFull = onFull;
  }

  static async open(maps: NodeMaps, clock: Clock, onFull: OnFull): Promise<NodeTable> {
    const table = new NodeTable(maps, clock, onFull);
    for await (const [key, slot] of entriesOf(maps.slots)) table.#addresses.set(key.toString('hex'), slot);
    for await (const [key, slot] of entriesOf(maps.ranges)) {
      const prefix = rangeOf(key);
      table.#ranges.set(formatPrefix(prefix), { prefix, slot });
    }
    return table;
  }

  get pressure(): readonly TablePressure[] {
    const { slots, ranges } = this.#maps;
    return [
      { table: 'node_slots', entries: this.#addresses.size, capacity: slots.info.maxEntries },
      { table: 'pod_ranges', entries: this.#ranges.size, capacity: ranges.info.maxEntries },
    ];
  }

  /** Slots that packets may come from. */
  slots(): ReadonlySet<number> {
    return new Set([...this.#addresses.values(), ...[...this.#ranges.values()].map(({ slot }) => slot)]);
  }

  /** Null: no tunnel leads to that slot. */
  read(slot: number): Node | null {
    const node = nodeCodec.read(this.#maps.nodes.lookup(indexKey(slot))!);
    return node.interface === 0 ? null : node;
  }

  /** Idempotent. An address or a range that was another node's changes hands. Throws DatapathError `full`; what was in force stays. */
  set(slot: number, node: TunnelledNode): void {
    if (slot < 1 || slot >= NODES)
      throw new DatapathError('full', `node slot ${slot}`, `no room for another node: there are ${NODES - 1} slots`);
    const { family } = node.address;
    const address = toBytes(node.address, 16);
    const value = nodeCodec.encode({
      mac: macBytes(node.mac),
      ownMac: macBytes(node.ownMac),
      interface: node.ifindex,
      address,
      mtu: node.mtu,
      family,
    });
    const wanted = new Set(node.podRanges.map(formatPrefix));
    this.#clock.turn(() => {
      for (const prefix of node.podRanges) this.#putRange(prefix, slot);
      if (!this.#maps.nodes.lookup(indexKey(slot))!.equals(value)) this.#maps.nodes.update(indexKey(slot), value);
      this.#putAddress(Buffer.from(address), slot);
      this.#dropAddresses(slot, Buffer.from(address).toString('hex'));
      this.#dropRanges(slot, wanted);
    });
  }

  /** Nothing comes from there and nothing goes there any more. Missing is success. */
  remove(slot: number): void {
    this.#clock.turn(() => {
      this.#dropAddresses(slot, null);
      this.#dropRanges(slot, new Set());
      this.#maps.nodes.update(indexKey(slot), unused);
    });
  }

  /** Who had the address before has none: the programs look it up in `nodes`, too, where it must stand once. */
  #putAddress(key: Buffer, slot: number): void {
    const text = key.toString('hex');
    const last = this.#addresses.get(text);
    if (last === slot) return;
    withRoom('node_slots', `node slot ${slot}`, this.#onFull, () => this.#maps.slots.update(key, nodeSlotCodec.encode({ slot })));
    if (last !== undefined) this.#maps.nodes.update(indexKey(last), unused);
    this.#addresses.set(text, slot);
  }

  #putRange(prefix: Prefix, slot: number): void {
    const text = formatPrefix(prefix);
    if (this.#ranges.get(text)?.slot === slot) return;
    withRoom('pod_ranges', text, this.#onFull, () => this.#maps.ranges.update(rangeKey(prefix), nodeSlotCodec.encode({ slot })));
    this.#ranges.set(text, { prefix, slot });
    this.#clock.prefixesChanged();
  }

  #dropAddresses(slot: number, kept: string | null): void {
    for (const [text, of] of this.#addresses) {
      if (of !== slot || text === kept) continue;
      this.#maps.slots.delete(Buffer.from(text, 'hex'));
      this.#addresses.delete(text);
    }
  }

  #dropRanges(slot: number, kept: ReadonlySet<string>): void {
    for (const [text, { prefix, slot: of }] of this.#ranges) {
      if (of !== slot || kept.has(text)) continue;
      this.#maps.ranges.delete(rangeKey(prefix));
      this.#ranges.delete(text);
      this.#clock.prefixesChanged();
    }
  }
}

async function* entriesOf(map: BpfMap): AsyncGenerator<readonly [key: Buffer, slot: number]> {
  const { keySize } = map.info;
  for await (const { count, keys, values } of map.batches()) {
    for (let at = 0; at < count; at++)
      yield [Buffer.from(keys.subarray(at * keySize, (at + 1) * keySize)), nodeSlotCodec.read(values, at * nodeSlotCodec.size).slot];
  }
}
