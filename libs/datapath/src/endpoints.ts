import { type Address, addressOf, fromBytes, toBytes } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import { ENDPOINTS, type Endpoint, endpointCodec, endpointFlags, INTERFACES, interfaceCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { DatapathError } from './error.ts';
import { indexKey, type OnFull, type TablePressure } from './table.ts';

/** What the kernel knows of a pod of this node. MACs are `aa:bb:cc:dd:ee:ff`; at most one address of each family. */
export interface EndpointEntry {
  readonly slot: number;
  /** Node side of its veth pair. */
  readonly ifindex: number;
  readonly identity: number;
  /** Index into `subjects`, as PolicyTable.subjectOf gives it. */
  readonly subject: number;
  readonly addresses: readonly Address[];
  readonly mac: string;
  readonly nodeMac: string;
  /** Its policy is in the maps. Without it every packet drops with 203 (design D6). */
  readonly ready: boolean;
}

const macBytes = (mac: string) => Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
const macText = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(..)(?!$)/g, '$1:');

function encode(entry: EndpointEntry, epoch: number): Buffer {
  const v4 = entry.addresses.find(({ family }) => family === 4);
  const v6 = entry.addresses.find(({ family }) => family === 6);
  const flags =
    (v4 === undefined ? 0 : endpointFlags.ENDPOINT_HAS_IPV4) |
    (v6 === undefined ? 0 : endpointFlags.ENDPOINT_HAS_IPV6) |
    (entry.ready ? endpointFlags.ENDPOINT_READY : 0);
  return endpointCodec.encode({
    epoch,
    ifindex: entry.ifindex,
    identity: entry.identity,
    subject: entry.subject,
    ipv4: v4 === undefined ? 0 : Buffer.from(toBytes(v4, 4)).readUInt32BE(),
    mac: macBytes(entry.mac),
    nodeMac: macBytes(entry.nodeMac),
    flags,
    ipv6: v6 === undefined ? new Uint8Array(16) : toBytes(v6),
  });
}

function decode(slot: number, value: Endpoint): EndpointEntry {
  const addresses: Address[] = [];
  if (value.flags & endpointFlags.ENDPOINT_HAS_IPV4) addresses.push(addressOf((0xffffn << 32n) | BigInt(value.ipv4)));
  if (value.flags & endpointFlags.ENDPOINT_HAS_IPV6) addresses.push(fromBytes(value.ipv6));
  const { ifindex, identity, subject, mac, nodeMac, flags } = value;
  return {
    slot,
    ifindex,
    identity,
    subject,
    addresses,
    mac: macText(mac),
    nodeMac: macText(nodeMac),
    ready: (flags & endpointFlags.ENDPOINT_READY) !== 0,
  };
}

/** Maps `endpoints` and `interfaces`. Which slots are in use, and since when the others are free, is read from the maps themselves: they outlive the process. */
export class EndpointTable {
  readonly #endpoints: BpfMap;
  readonly #interfaces: BpfMap;
  readonly #clock: Clock;
  readonly #onFull: OnFull;
  /** Slots that were given and have no entry yet. */
  readonly #reserved = new Set<number>();

  constructor(maps: { readonly endpoints: BpfMap; readonly interfaces: BpfMap }, clock: Clock, onFull: OnFull) {
    this.#endpoints = maps.endpoints;
    this.#interfaces = maps.interfaces;
    this.#clock = clock;
    this.#onFull = onFull;
  }

  get pressure(): TablePressure {
    return { table: 'endpoints', entries: this.#takenIn(this.#endpoints.arrayValues()).length, capacity: ENDPOINTS - 1 };
  }

  /**
   * A slot that is free, of these the one that has been so longest: flows of its last endpoint are gone the most surely. It stays taken until `remove`.
   * Throws DatapathError `full`.
   */
  reserve(): number {
    let found = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (let slot = 1; slot < ENDPOINTS; slot++) {
      const { ifindex, epoch } = this.#read(slot);
      if (ifindex !== 0 || this.#reserved.has(slot) || epoch >= oldest) continue;
      [found, oldest] = [slot, epoch];
      if (epoch === 0) break;
    }
    if (found === 0) {
      this.#onFull('endpoints');
      throw new DatapathError('full', 'endpoints', `no room for another endpoint: all ${ENDPOINTS - 1} slots of this node are taken`);
    }
    this.#reserved.add(found);
    return found;
  }

  /** Keeps a slot from being given that a restarted agent knows to be taken. */
  keep(slot: number): void {
    this.#reserved.add(slot);
  }

  /** Null: the slot has no endpoint. */
  read(slot: number): EndpointEntry | null {
    const value = this.#read(slot);
    return value.ifindex === 0 ? null : decode(slot, value);
  }

  entries(): readonly EndpointEntry[] {
    const values = this.#endpoints.arrayValues();
    return this.#takenIn(values).map((slot) => decode(slot, endpointCodec.read(values, slot * endpointCodec.size)));
  }

  /** Idempotent. Throws DatapathError `unsupported` for an interface whose index the table can't hold. */
  write(entry: EndpointEntry): boolean {
    const { slot, ifindex } = entry;
    if (ifindex >= INTERFACES) {
      throw new DatapathError(
        'unsupported',
        `interface ${ifindex}`,
        `the interface has index ${ifindex}, the datapath takes up to ${INTERFACES - 1}`,
      );
    }
    const before = this.#endpoints.lookup(indexKey(slot))!;
    const { epoch: lastEpoch, ifindex: lastIfindex } = endpointCodec.read(before);
    if (before.equals(encode(entry, lastEpoch)) && this.#slotOf(ifindex) === slot) return false;
    return this.#clock.turn((epoch) => {
      if (lastIfindex !== 0 && lastIfindex !== ifindex) this.#setInterface(lastIfindex, 0);
      // The entry before the way to it: an interface never leads to what isn't written yet.
      this.#endpoints.update(indexKey(slot), encode(entry, epoch));
      this.#setInterface(ifindex, slot);
      return true;
    });
  }

  /** Packets of its interface drop from now on, and its flows are stale. Missing is success. The slot is free again. */
  remove(slot: number): boolean {
    this.#reserved.delete(slot);
    const { ifindex } = this.#read(slot);
    if (ifindex === 0) return false;
    return this.#clock.turn((epoch) => {
      this.#setInterface(ifindex, 0);
      this.#endpoints.update(indexKey(slot), endpointCodec.encode({ ...endpointCodec.read(Buffer.alloc(endpointCodec.size)), epoch }));
      return true;
    });
  }

  #setInterface(ifindex: number, slot: number): void {
    if (this.#slotOf(ifindex) !== slot) this.#interfaces.update(indexKey(ifindex), interfaceCodec.encode({ slot }));
  }

  #slotOf(ifindex: number): number {
    return interfaceCodec.read(this.#interfaces.lookup(indexKey(ifindex))!).slot;
  }

  /** Slots that have an endpoint by these values of the map, in order. */
  #takenIn(values: Buffer): readonly number[] {
    const found: number[] = [];
    for (let slot = 1; slot < ENDPOINTS; slot++)
      if (values.readUInt32LE(slot * endpointCodec.size + endpointCodec.offsets.ifindex) !== 0) found.push(slot);
    return found;
  }

  #read(slot: number): Endpoint {
    return endpointCodec.read(this.#endpoints.lookup(indexKey(slot))!);
  }
}
