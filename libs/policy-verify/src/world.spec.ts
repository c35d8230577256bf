import { prefix } from '@myelin/address';
import type { PrefixRow } from '@myelin/policy-localize';
import { describe, expect, it } from 'vitest';
import { verifyWorld } from './world.ts';

const row = (text: string, identity: number): PrefixRow => ({ prefix: prefix(text), identity, peerClass: 0 });
const named = (1 << 24) + 1;
const rows = [row('0.0.0.0/0', 9), row('::/0', 10), row('10.244.0.0/16', 0), row('fd00:10:244::/48', 0), row('198.51.100.0/24', named)];
const clusterRanges = [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')];
const verify = (held: readonly PrefixRow[]) => verifyWorld(held, clusterRanges).map(({ about, found }) => `${about}: ${found}`);
const without = (text: string) => rows.filter((one) => one.prefix.bits !== prefix(text).bits || one.prefix.family !== prefix(text).family);

describe('addresses outside the cluster', () => {
  it('that a node knows as the world, or as a prefix of it, have no deviation', () => {
    expect(verify(rows)).toEqual([]);
  });
  it('deviate where the row of a whole family is missing, though no policy names it', () => {
    expect(verify(without('0.0.0.0/0'))).toEqual(['addresses in 0.0.0.0/0: no entry: unknown']);
    expect(verify(without('::/0'))).toEqual(['addresses in ::/0: no entry: unknown']);
  });
  it('deviate where a row makes them unknown, or somebody of the cluster', () => {
    expect(verify([...rows, row('203.0.113.0/24', 0)])).toEqual(['addresses in 203.0.113.0/24: unknown']);
    expect(verify([...rows, row('203.0.113.0/24', 300)])).toEqual(['addresses in 203.0.113.0/24: identity 300']);
  });
  it('are not those of the cluster: what a node knows of them is asked elsewhere', () => {
    expect(verify([...rows, row('10.244.1.0/24', 0)])).toEqual([]);
  });
});
