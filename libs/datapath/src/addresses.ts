import { type Address, addressOf, formatAddress, fromBytes, toBytes } from '@myelin/address';
import type { BpfMap } from '@myelin/bpf-native';
import { peerCodec } from '@myelin/datapath-layout';
import type { Clock } from './clock.ts';
import { DatapathError } from './error.ts';
import { raisePeerEpoch } from './peer-epochs.ts';
import { CountedHash, type OnFull, type TablePressure } from './table.ts';

/** Who has an address: an endpoint of this node (`slot` > 0), one of another, or a node itself. */
export interface Peer {
  readonly identity: number;
  readonly slot: number;
  /** Number of the node; 0: this one. */
  readonly node: number;
}

/** What became of a reconciliation. A refused one could not be written; all others were. */
export interface AddressChanges {
  readonly written: number;
  readonly deleted: number;
  readonly refused: readonly { readonly address: Address; readonly error: DatapathError }[];
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

  /** Writes what is wanted; with `prune`, deletes everything else. An address that doesn't fit is reported and doesn't keep the others out. */
  async reconcile(wanted: Iterable<readonly [Address, Peer]>, { prune }: { readonly prune: boolean }): Promise<AddressChanges> {
    // Deleting comes first: it makes room.
    const desired = [...wanted];
    const deleted = prune ? await this.#prune(new Set(desired.map(([address]) => address.value))) : 0;
    const refused: AddressChanges['refused'][number][] = [];
    let written = 0;
    this.#clock.turn(() => {
      for (const [address, peer] of desired) {
        try {
          if (this.set(address, peer)) written++;
        } catch (error) {
          if (!(error instanceof DatapathError)) throw error;
          refused.push({ address, error });
        }
      }
    });
    return { written, deleted, refused };
  }

  async entries(): Promise<readonly (readonly [Address, Peer])[]> {
    const addresses = await this.#addresses();
    return addresses.flatMap((address) => {
      const peer = this.read(address);
      return peer === null ? [] : [[address, peer] as const];
    });
  }

  async #prune(keep: ReadonlySet<bigint>): Promise<number> {
    const surplus = (await this.#addresses()).filter(({ value }) => !keep.has(value));
    this.#clock.turn(() => {
      for (const address of surplus) this.delete(address);
    });
    return surplus.length;
  }

  async #addresses(): Promise<readonly Address[]> {
    const keys = [...(await this.#v4.keys()), ...(await this.#v6.keys())];
    return keys.map((key) => addressOf(fromBytes(key).value));
  }

  #of(address: Address): CountedHash {
    return address.family === 4 ? this.#v4 : this.#v6;
  }
}
