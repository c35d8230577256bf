import { describe, expect, it } from 'vitest';
import { isClusterWide, isNodeLocal, isReserved, reservedIdentities, reservedLabels, reservedName } from './reserved.ts';

describe('identity numbers', () => {
  it('have the names that the field gives them', () => {
    expect(Object.entries(reservedIdentities).map(([name, number]) => reservedName(number) === name)).not.toContain(false);
    expect([reservedName(1), reservedName(9), reservedName(12), reservedName(256)]).toEqual(['host', 'world-ipv4', null, null]);
    expect([reservedLabels('host'), reservedLabels('kube-apiserver')]).toEqual([
      ['reserved:host'],
      ['reserved:kube-apiserver', 'reserved:remote-node'],
    ]);
  });

  it.each([
    [0, 'reserved'],
    [255, 'reserved'],
    [256, 'cluster-wide'],
    [65535, 'cluster-wide'],
    [65536, 'none'],
    [65536 + 255, 'none'],
    [65536 + 256, 'cluster-wide'],
    [0xffffff, 'cluster-wide'],
    [1 << 24, 'node-local'],
    [(2 << 24) + 7, 'node-local'],
    [0xffffffff, 'node-local'],
  ])('%i is %s', (identity, kind) => {
    const found = [isReserved(identity) && 'reserved', isClusterWide(identity) && 'cluster-wide', isNodeLocal(identity) && 'node-local'];
    expect(found.filter((name) => name !== false)).toEqual(kind === 'none' ? [] : [kind]);
  });
});
