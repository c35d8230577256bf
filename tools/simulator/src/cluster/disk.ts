import { formatAddress, type Prefix, parseAddress } from '@myelin/address';
import { AddressPool, type EndpointRecord, type PoolMemory, RegistrationAttempts } from '@myelin/identity-rules';
import { type Revision, zeroRevision } from '@myelin/revision';

/** What an agent writes down: its state folder. */
export class Disk {
  readonly records = new Map<string, EndpointRecord>();
  /** Digests of the policies that were to be put into the kernel. */
  readonly policies = new Map<number, string>();
  counter = 1n;
  readonly registering = new RegistrationAttempts(false);
  applied: { readonly policy: Revision; readonly identity: Revision; readonly subjects: readonly number[] } = {
    policy: zeroRevision,
    identity: zeroRevision,
    subjects: [],
  };
  #pool: PoolMemory = { cursors: {}, freed: [] };

  /** The node's pool as it was left. */
  pool(blocks: readonly Prefix[]): AddressPool {
    const living = [...this.records].map(
      ([uid, { addresses }]) => [uid, addresses.map(parseAddress).filter((address) => address !== null)] as const,
    );
    return AddressPool.restore(blocks, this.#pool, living);
  }

  /** Gives an endpoint addresses; null: there are none. */
  take(pool: AddressPool, uid: string): { readonly addresses: readonly string[]; readonly isReused: boolean } | null {
    const answer = pool.allocate(uid);
    if (answer.kind !== 'given') return null;
    this.#pool = pool.memory();
    return { addresses: answer.addresses.map(formatAddress), isReused: answer.isReused };
  }

  /** An endpoint is gone, its addresses are free. */
  forget(pool: AddressPool, record: EndpointRecord): void {
    this.records.delete(record.spec.uid);
    for (const text of record.addresses) pool.release(parseAddress(text)!, record.spec.uid);
    this.#pool = pool.memory();
  }
}
