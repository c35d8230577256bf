import type { BpfMap } from '@myelin/bpf-native';
import { APPLIED_WORDS, reservedIdentity } from '@myelin/datapath-layout';
import { indexKey } from './table.ts';

const first = reservedIdentity.IDENTITY_CLUSTER_FIRST;
const end = APPLIED_WORDS * 64;

/** Map `applied_identities`: the cluster-wide identities (256 … 65535) that every policy of this node accounts for (design D5). Others need no bit. */
export class AppliedIdentities {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  has(identity: number): boolean {
    return identity >= first && identity < end && (this.#word(identity >> 6) & bitOf(identity)) !== 0n;
  }

  /** Idempotent; returns those that had none. Numbers that need no bit are passed over. */
  set(identities: Iterable<number>): readonly number[] {
    return this.#change(identities, (word, bit) => word | bit);
  }

  /** Idempotent; returns those that had one. */
  clear(identities: Iterable<number>): readonly number[] {
    return this.#change(identities, (word, bit) => word & ~bit);
  }

  /** All that have a bit, in order. */
  entries(): readonly number[] {
    const found: number[] = [];
    const words = this.#map.arrayValues();
    for (let index = 0; index < APPLIED_WORDS; index++) {
      const word = words.readBigUInt64LE(index * 8);
      for (let bit = 0; word >> BigInt(bit) !== 0n; bit++) if ((word >> BigInt(bit)) & 1n) found.push(index * 64 + bit);
    }
    return found;
  }

  #change(identities: Iterable<number>, change: (word: bigint, bit: bigint) => bigint): readonly number[] {
    const changed: number[] = [];
    for (const identity of identities) {
      if (identity < first || identity >= end) continue;
      const before = this.#word(identity >> 6);
      const after = change(before, bitOf(identity));
      if (after === before) continue;
      const value = Buffer.allocUnsafe(8);
      value.writeBigUInt64LE(BigInt.asUintN(64, after));
      this.#map.update(indexKey(identity >> 6), value);
      changed.push(identity);
    }
    return changed;
  }

  #word(index: number): bigint {
    return this.#map.lookup(indexKey(index))!.readBigUInt64LE();
  }
}

function bitOf(identity: number): bigint {
  return 1n << BigInt(identity & 63);
}
