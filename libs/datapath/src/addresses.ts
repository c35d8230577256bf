import { type Address, addressOf, formatAddress, fromBytes, toBytes } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import { peerCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { raisePeerEpoch } from './peer-epochs.ts';
import { CountedHash, type OnFull, type TablePressure } from './table.ts';

/** Who has an address: an endpoint of this node (`slot` > 0), one of another, or a node itself. */
export interface Peer {
  readonly identity: number;
  readonly slot: number;
  /** Number of the node; 0: this one. */
  readonly node: number;
}

/** Key in the map of its family. */
const keyOf = (address: Address) => Buffer.from(toBytes(address, address.family === 4 ? 4 : 16));

/** Maps `addresses_v4` and `addresses_v6`: exact addresses of endpoints and nodes. */
export class AddressTable {
  readonly #v4: CountedHash;
  readonly #v6: CountedHash;
  readonly #peerEpochs: BpfMap;
  readonly #clock: Clock;

  private constructor(v4: CountedHash, v6: CountedHash, peerEpochs: BpfMap, clock: Clock) {
    this.#v4 = v4;
    this.#v6 = v6;
    this.#peerEpochs = peerEpochs;
    this.#clock = clock;
  }

  static async open(
    maps: { readonly v4: BpfMap; readonly v6: BpfMap; readonly peerEpochs: BpfMap },
    clock: Clock,
    onFull: OnFull,
  ): Promise<AddressTable> {
    const v4 = await CountedHash.open('addresses_v4', maps.v4, onFull);
    return new AddressTable(v4, await CountedHash.open('addresses_v6', maps.v6, onFull), maps.peerEpochs, clock);
  }

  get pressure(): readonly TablePressure[] {
    return [this.#v4.pressure, this.#v6.pressure];
  }

  /** Null: nobody has it. */
  read(address: Address): Peer | null {
    const value = this.#of(address).read(keyOf(address));
    return value === null ? null : peerCodec.read(value);
  }

  /** Idempotent: an entry that is there already costs no epoch. Throws DatapathError `full`. */
  set(address: Address, peer: Peer): boolean {
    const value = peerCodec.encode(peer);
    if (this.#of(address).read(keyOf(address))?.equals(value)) return false;
    return this.#clock.turn((epoch) => {
      this.#of(address).write(keyOf(address), value, formatAddress(address));
      raisePeerEpoch(this.#peerEpochs, address, epoch);
      return true;
    });
  }

  /** Missing is success. */
  delete(address: Address): boolean {
    return this.#clock.turn((epoch) => {
      const existed = this.#of(address).delete(keyOf(address));
      if (existed) raisePeerEpoch(this.#peerEpochs, address, epoch);
      return existed;
    });
  }

  /** Has flows with addresses of these identities decided anew: what an identity's cleared bit means for them (bpf/README.md). Returns how many addresses. */
  async touch(identities: ReadonlySet<number>): Promise<number> {
    const concerned = (await this.entries()).filter(([, { identity }]) => identities.has(identity));
    this.#clock.turn((epoch) => {
      for (const [address] of concerned) raisePeerEpoch(this.#peerEpochs, address, epoch);
    });
    return concerned.length;
  }

  /** Deletes every entry that `keep` doesn't name; returns how many. */
  async prune(keep: (address: Address) => boolean): Promise<number> {
    const surplus = (await this.#addresses()).filter((address) => !keep(address));
    this.#clock.turn(() => {
      for (const address of surplus) this.delete(address);
    });
    return surplus.length;
  }

  async entries(): Promise<readonly (readonly [Address, Peer])[]> {
    const addresses = await this.#addresses();
    return addresses.flatMap((address) => {
      const peer = this.read(address);
      return peer === null ? [] : [[address, peer] as const];
    });
  }

  async #addresses(): Promise<readonly Address[]> {
    const keys = [...(await this.#v4.keys()), ...(await this.#v6.keys())];
    return keys.map((key) => addressOf(fromBytes(key).value));
  }

  #of(address: Address): CountedHash {
    return address.family === 4 ? this.#v4 : this.#v6;
  }
}
