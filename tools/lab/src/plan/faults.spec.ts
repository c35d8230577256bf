import { describe, expect, it } from 'vitest';
import { faultEnds, faultRules, isCutOff, linkOf, withoutEnd, withPartition } from './faults.ts';
import { noFaults } from './state.ts';

const state = { nodes: [{ name: 'a', index: 11 } as never, { name: 'b', index: 12 } as never] };
const cleaned = 'table bridge faults\ndelete table bridge faults\n';
const dropped = (faults: Parameters<typeof faultRules>[1]) =>
  faultRules(state, faults)
    .split('\n')
    .filter((line) => line.endsWith(' drop'))
    .map((line) => line.trim());

describe('faults of the network', () => {
  it('are none unless somebody makes them, and none stay when they are healed', () => {
    expect(faultRules(state, noFaults)).toBe(cleaned);
    expect(faultRules(state, { ...noFaults, loss: { outside: 10 } }).startsWith(cleaned)).toBe(true);
  });

  it('keep two nodes apart, each way, and leave both their way to everybody else', () => {
    expect(dropped(withPartition(noFaults, 'node:b', 'node:a'))).toEqual([
      'iifname "n11" oifname "n12" drop',
      'iifname "n12" oifname "n11" drop',
    ]);
  });

  it('keep a node from the control plane on the control network alone', () => {
    expect(dropped(withPartition(noFaults, 'node:a', 'control'))).toEqual([
      'iifname "c11" oifname "control-plane" drop',
      'iifname "control-plane" oifname "c11" drop',
    ]);
  });

  it('cut a node off from the control plane by a partition from it, or where all of its packets get lost', () => {
    const cut = withPartition(noFaults, 'node:a', 'control');
    expect([isCutOff(cut, 'node:a'), isCutOff(cut, 'node:b'), isCutOff(withPartition(noFaults, 'node:a', 'node:b'), 'node:a')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([999, 1000].map((thousandths) => isCutOff({ ...noFaults, loss: { control: thousandths } }, 'node:b'))).toEqual([false, true]);
  });

  it('keep a node from the outside, which is routed to', () => {
    expect(dropped(withPartition(noFaults, 'outside', 'node:a'))).toEqual([
      'iifname "n11" ip daddr 198.51.100.0/24 drop',
      'iifname "n11" ip6 daddr 2001:db8:ffff::/64 drop',
      'oifname "n11" ip saddr 198.51.100.0/24 drop',
      'oifname "n11" ip6 saddr 2001:db8:ffff::/64 drop',
    ]);
  });

  it('lose packets each way by chance', () => {
    expect(dropped({ ...noFaults, loss: { 'node:b': 15 } })).toEqual([
      'iifname "n12" numgen random mod 1000 >= 985 drop',
      'oifname "n12" numgen random mod 1000 >= 985 drop',
    ]);
  });

  it('come once for a pair, whichever way round it is named', () => {
    expect(withPartition(withPartition(noFaults, 'node:a', 'node:b'), 'node:b', 'node:a').partitions).toEqual([['node:a', 'node:b']]);
  });

  it('go with their end, those of others stay', () => {
    const faults = withPartition(
      withPartition({ ...noFaults, loss: { 'node:a': 1, outside: 2 }, delay: { 'node:a': 3 } }, 'node:a', 'outside'),
      'node:b',
      'control',
    );
    expect(withoutEnd(faults, 'node:a')).toEqual({ partitions: [['control', 'node:b']], loss: { outside: 2 }, delay: {} });
  });

  it('are of ends that exist', () => {
    expect(faultEnds(state)).toEqual(['node:a', 'node:b', 'control', 'outside']);
    expect([linkOf(state, 'node:b'), linkOf(state, 'node:b', 'control'), linkOf(state, 'control')]).toEqual([
      'n12',
      'c12',
      'control-plane',
    ]);
  });
});
