import { address } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { peerIndex } from './peer-epochs.ts';

/** The C code in whole numbers: words as they lie in memory, h = (h ^ word) × 0x9e3779b1 modulo 2^32, the top 12 bits. */
function inWholeNumbers(...words: bigint[]): number {
  let hash = 0n;
  for (const word of words) hash = BigInt.asUintN(32, (hash ^ word) * 0x9e3779b1n);
  return Number(hash >> 20n);
}

describe('peerIndex', () => {
  it('is what the programs compute for IPv4: the address as it lies in memory', () => {
    expect(peerIndex(address('10.1.0.2'))).toBe(inWholeNumbers(0x0200010an));
    expect(peerIndex(address('255.254.253.252'))).toBe(inWholeNumbers(0xfcfdfeffn));
  });
  it('is what the programs compute for IPv6: four words', () => {
    expect(peerIndex(address('fd00:1::2'))).toBe(inWholeNumbers(0x010000fdn, 0n, 0n, 0x02000000n));
  });
});
