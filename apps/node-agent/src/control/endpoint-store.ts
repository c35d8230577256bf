import { createHash } from 'node:crypto';
import { type Address, formatAddress, type Prefix } from '@myelin/address';
import type { EndpointRecord } from '@myelin/identity-rules';
import { AddressPool, type PoolMemory, type PoolRefusal } from '@myelin/identity-rules';
import { MyelinError } from '@myelin/service';
import type { StateFolder } from '../adapters/state-folder.ts';
import { addressesOf } from './endpoint-kernel.ts';

const poolFile = 'pool';
/** A UID may hold anything: files go by its hash. */
const fileOf = (uid: string) => `endpoints/${createHash('sha256').update(uid).digest('hex').slice(0, 32)}`;

/** The endpoints of this node as they are written down, and the addresses that they hold. */
export class EndpointStore {
  readonly #state: StateFolder;
  readonly #records = new Map<string, EndpointRecord>();
  #pool: AddressPool | null = null;

  /** Reads what an earlier process left. */
  constructor(state: StateFolder) {
    this.#state = state;
    for (const file of state.list('endpoints')) {
      const record = state.read<EndpointRecord>(file)!;
      this.#records.set(record.spec.uid, record);
    }
  }

  /** Says which blocks the node has; before that no address can be given. */
  setBlocks(blocks: readonly Prefix[]): void {
    const memory = this.#state.read<PoolMemory>(poolFile) ?? { cursors: {}, freed: [] };
    const living = [...this.#records].map(([uid, record]) => [uid, addressesOf(record)] as const);
    this.#pool = AddressPool.restore(blocks, memory, living);
  }

  get(uid: string): EndpointRecord | undefined {
    return this.#records.get(uid);
  }

  records(): IterableIterator<EndpointRecord> {
    return this.#records.values();
  }

  /** How full the node's blocks are; null before they are known. */
  usage(family: 4 | 6): { readonly used: number; readonly capacity: bigint } | null {
    return this.#pool?.usage(family) ?? null;
  }

  /** Gives addresses to a UID: those asked for, else the next free ones; `isReused` as the pool says. Throws `unavailable`, `resource_exhausted`, `already_exists` or `failed_precondition`. */
  takeAddresses(uid: string, wanted: readonly Address[]): { readonly addresses: readonly string[]; readonly isReused: boolean } {
    if (this.#pool === null) throw new MyelinError('unavailable', 'this node has no address blocks yet: it waits for ipam');
    const answer = wanted.length > 0 ? this.#pool.take(wanted, uid) : this.#pool.allocate(uid);
    if (answer.kind !== 'given') throw this.#refusal(answer);
    this.#writePool();
    return { addresses: answer.addresses.map(formatAddress), isReused: answer.isReused };
  }

  put(record: EndpointRecord): void {
    this.#records.set(record.spec.uid, record);
    this.#state.write(fileOf(record.spec.uid), record);
  }

  /** Forgets an endpoint; its addresses are free again, to be given last. */
  remove(record: EndpointRecord): void {
    const { uid } = record.spec;
    this.#records.delete(uid);
    this.#state.remove(fileOf(uid));
    this.giveBack(uid, addressesOf(record));
  }

  giveBack(uid: string, addresses: readonly Address[]): void {
    for (const address of addresses) this.#pool?.release(address, uid);
    this.#writePool();
  }

  #writePool(): void {
    if (this.#pool !== null) this.#state.write(poolFile, this.#pool.memory());
  }

  #refusal(refusal: PoolRefusal): MyelinError {
    switch (refusal.kind) {
      case 'full':
        return new MyelinError(
          'resource_exhausted',
          `no free IPv${refusal.family} address on this node: ${refusal.blocks.join(', ')} is full`,
        );
      case 'in-use': {
        const { namespace, name } = this.#records.get(refusal.owner)?.spec ?? { namespace: '?', name: refusal.owner };
        return new MyelinError(
          'already_exists',
          `${formatAddress(refusal.address)} belongs to the endpoint ${namespace}/${name} (${refusal.owner})`,
        );
      }
      case 'outside':
        return new MyelinError(
          'failed_precondition',
          `${formatAddress(refusal.address)} is in none of this node's blocks (${refusal.blocks.join(', ')})`,
        );
      case 'reserved':
        return new MyelinError(
          'failed_precondition',
          `${formatAddress(refusal.address)} is the first or last address of its block, which stay unused`,
        );
    }
  }
}
