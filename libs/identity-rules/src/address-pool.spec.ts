import { address, formatAddress, prefix } from '@myelin/address';
import { describe, expect, it } from 'vitest';
import { AddressPool, type PoolAnswer } from './address-pool.ts';

const texts = (answer: PoolAnswer) => (answer.kind === 'given' ? answer.addresses.map(formatAddress) : answer.kind);
const pool = (...blocks: string[]) => new AddressPool(blocks.map(prefix));

describe('AddressPool', () => {
  it('gives one address of each family, and never the first of a block', () => {
    const dual = pool('10.1.0.0/24', 'fd00:1::/64');
    expect(texts(dual.allocate('a'))).toEqual(['10.1.0.1', 'fd00:1::1']);
    expect(texts(dual.allocate('b'))).toEqual(['10.1.0.2', 'fd00:1::2']);
  });
  it('never gives the last address of an IPv4 block', () => {
    const small = pool('10.1.0.0/30');
    expect([small.allocate('a'), small.allocate('b'), small.allocate('c')].map(texts)).toEqual([['10.1.0.1'], ['10.1.0.2'], 'full']);
  });
  it('gives all or none: a full family takes nothing of the other', () => {
    const dual = pool('10.1.0.0/30', 'fd00:1::/64');
    dual.allocate('a');
    dual.allocate('b');
    expect(dual.allocate('c')).toEqual({ kind: 'full', family: 4, blocks: ['10.1.0.0/30'] });
    expect(dual.usage(6)).toMatchObject({ used: 2 });
  });
  it('gives what was never given before what came back, and of that the longest free first', () => {
    const small = pool('10.1.0.0/29');
    for (const owner of ['a', 'b', 'c', 'd']) small.allocate(owner);
    small.release(address('10.1.0.3'), 'c');
    small.release(address('10.1.0.1'), 'a');
    expect([small.allocate('e'), small.allocate('f'), small.allocate('g'), small.allocate('h')].map(texts)).toEqual([
      ['10.1.0.5'],
      ['10.1.0.6'],
      ['10.1.0.3'],
      ['10.1.0.1'],
    ]);
  });
  it('goes on where it left off after a restart', () => {
    const before = pool('10.1.0.0/29');
    for (const owner of ['a', 'b', 'c']) before.allocate(owner);
    before.release(address('10.1.0.2'), 'b');
    const living: [string, ReturnType<typeof address>[]][] = [
      ['a', [address('10.1.0.1')]],
      ['c', [address('10.1.0.3')]],
    ];
    const after = AddressPool.restore(before.blocks, JSON.parse(JSON.stringify(before.memory())), living);
    expect([after.allocate('d'), after.allocate('e'), after.allocate('f'), after.allocate('g'), after.allocate('h')].map(texts)).toEqual([
      ['10.1.0.4'],
      ['10.1.0.5'],
      ['10.1.0.6'],
      ['10.1.0.2'],
      'full',
    ]);
  });
  it('loses no address that came back just before the end, unwritten', () => {
    const after = AddressPool.restore([prefix('10.1.0.0/30')], { cursors: { '10.1.0.0/30': '3' }, freed: [] }, [
      ['b', [address('10.1.0.2')]],
    ]);
    expect([after.allocate('c'), after.allocate('d')].map(texts)).toEqual([['10.1.0.1'], 'full']);
  });
  it('passes over what was written down for other blocks', () => {
    const memory = { cursors: { '10.1.0.0/29': '5', '10.2.0.0/29': 'x' }, freed: ['10.1.0.1', 'nonsense'] };
    const after = AddressPool.restore([prefix('10.2.0.0/29')], memory, [['old', [address('10.1.0.2')]]]);
    expect(texts(after.allocate('a'))).toEqual(['10.2.0.1']);
    expect(after.memory().freed).toEqual([]);
  });
  it('refuses an address in use, naming its owner, but gives it to the same owner again', () => {
    const small = pool('10.1.0.0/29');
    small.take([address('10.1.0.4')], 'a');
    expect(small.take([address('10.1.0.4')], 'b')).toMatchObject({ kind: 'in-use', owner: 'a' });
    expect(texts(small.take([address('10.1.0.4')], 'a'))).toEqual(['10.1.0.4']);
  });
  it('refuses addresses outside the blocks, and the ones kept unused', () => {
    const small = pool('10.1.0.0/29');
    expect(small.take([address('10.9.0.1')], 'a')).toMatchObject({ kind: 'outside', blocks: ['10.1.0.0/29'] });
    expect(small.take([address('10.1.0.7')], 'a')).toMatchObject({ kind: 'reserved' });
  });
  it('lets nobody but the owner give an address back', () => {
    const small = pool('10.1.0.0/29');
    small.allocate('a');
    small.release(address('10.1.0.1'), 'b');
    expect(small.take([address('10.1.0.1')], 'b')).toMatchObject({ kind: 'in-use', owner: 'a' });
  });
  it('finds the gap before an address that was asked for by name', () => {
    const small = pool('10.1.0.0/29');
    small.take([address('10.1.0.2')], 'a');
    expect([small.allocate('b'), small.allocate('c')].map(texts)).toEqual([['10.1.0.1'], ['10.1.0.3']]);
  });
  it('goes on to the next block of a family', () => {
    const two = pool('10.1.0.0/30', '10.3.0.0/30');
    expect(['a', 'b', 'c'].map((owner) => texts(two.allocate(owner)))).toEqual([['10.1.0.1'], ['10.1.0.2'], ['10.3.0.1']]);
  });
});

it('C5: says where an address was somebody else’s before, also after a restart', () => {
  const block = prefix('10.1.0.0/30');
  const pool = new AddressPool([block]);
  const given = (answer: PoolAnswer) =>
    answer.kind === 'given' ? [answer.addresses.map(formatAddress).join(), answer.isReused] : answer.kind;
  expect(given(pool.allocate('a'))).toEqual(['10.1.0.1', false]);
  pool.release(address('10.1.0.1'), 'a');
  expect(given(pool.allocate('b'))).toEqual(['10.1.0.2', false]);
  const restored = AddressPool.restore([block], pool.memory(), [['b', [address('10.1.0.2')]]]);
  expect(given(restored.take([address('10.1.0.2')], 'b'))).toEqual(['10.1.0.2', false]);
  expect(given(restored.allocate('c'))).toEqual(['10.1.0.1', true]);
});
