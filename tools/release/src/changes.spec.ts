import { describe, expect, it } from 'vitest';
import { layoutChanges } from './changes.ts';
import type { ReleaseLayout } from './layout.ts';
import { missing } from './promise.ts';

const layout: ReleaseLayout = {
  version: '1.0.0',
  flowLayout: 1,
  digest: '01',
  programs: ['from_pod'],
  maps: {
    baskets: { type: 2, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0, key: 'u32', value: 'struct basket' },
    flows_v4: { type: 2, keySize: 4, valueSize: 8, maxEntries: 64, flags: 0, key: 'u32', value: 'struct flow_entry' },
  },
  structs: {
    basket: { size: 8, fields: { eggs: { offset: 0, size: 4, type: 'u32' }, owner: { offset: 4, size: 4, type: 'be32' } } },
    flow_entry: { size: 8, fields: { version: { offset: 0, size: 4, type: 'u32' }, identity: { offset: 4, size: 4, type: 'u32' } } },
  },
  numbers: { BASKETS: 16, 'color.RED': 1 },
};
const resizable = new Set(['flows_v4']);
const basket = layout.structs.basket!;
const baskets = layout.maps.baskets!;
const since = (now: Partial<ReleaseLayout>) => layoutChanges(layout, { ...layout, ...now }, resizable);

describe('what changed in pinned maps since a release', () => {
  it('is nothing where nothing changed, or something new stands beside it', () => {
    expect(since({})).toEqual([]);
    expect(
      since({
        maps: { ...layout.maps, more: baskets },
        structs: { ...layout.structs, more: basket },
        numbers: { ...layout.numbers, 'color.BLUE': 2 },
      }),
    ).toEqual([]);
  });
  it('names the member that was moved, and every other one that moved with it', () => {
    const fields = { owner: { offset: 0, size: 4, type: 'be32' }, eggs: { offset: 4, size: 4, type: 'u32' } };
    expect(since({ structs: { ...layout.structs, basket: { size: 8, fields } } })).toEqual([
      'struct basket, member eggs: offset 0 became 4',
      'struct basket, member owner: offset 4 became 0',
    ]);
  });
  it('names a member that is gone, one of another type, and one that is new', () => {
    const fields = { owner: { offset: 4, size: 4, type: 'u32' }, pad: { offset: 0, size: 4, type: 'opaque' } };
    expect(since({ structs: { ...layout.structs, basket: { size: 8, fields } } })).toEqual([
      'struct basket, member eggs: gone',
      'struct basket, member owner: type be32 became u32',
      'struct basket, member pad: new',
    ]);
  });
  it('names a map that is gone and one of another shape, but no table that keeps its own size', () => {
    expect(since({ maps: { flows_v4: { ...layout.maps.flows_v4!, maxEntries: 128 } } })).toEqual(['map baskets is gone']);
    expect(since({ maps: { ...layout.maps, baskets: { ...baskets, maxEntries: 32, flags: 1 } } })).toEqual([
      'map baskets: maxEntries 16 became 32',
      'map baskets: flags 0 became 1',
    ]);
  });
  it('names a number that means something else, and one that is gone', () => {
    expect(since({ numbers: { 'color.RED': 2 } })).toEqual(['number BASKETS (16) is gone', 'number color.RED: 1 became 2']);
  });
});

describe('what a tree owes to a release', () => {
  const owed = (now: Partial<ReleaseLayout>, migrates: boolean) => {
    const changed = { ...layout, ...now };
    return missing({ release: layout, now: changed, changes: layoutChanges(layout, changed, resizable), migrates });
  };
  const otherBasket = { structs: { ...layout.structs, basket: { ...basket, size: 16 } } };
  const otherFlow = { structs: { ...layout.structs, flow_entry: { ...layout.structs.flow_entry!, size: 16 } } };

  it('is nothing while it reads what there is', () => {
    expect(owed({}, false)).toEqual([]);
  });
  it('is another digest and a migration, once it reads something otherwise', () => {
    expect(owed(otherBasket, false)).toEqual([
      expect.stringMatching(/^changed since 1\.0\.0: struct basket: size 8 became 16\. The layout’s digest is the same/),
      expect.stringMatching(/There is no migration from 1\.0\.0/),
    ]);
    expect(owed({ ...otherBasket, digest: '02' }, true)).toEqual([]);
  });
  it('is another FLOW_LAYOUT, too, where flows changed', () => {
    expect(owed({ ...otherFlow, digest: '02' }, true)).toEqual([expect.stringMatching(/FLOW_LAYOUT is the same/)]);
    expect(owed({ ...otherFlow, digest: '02', flowLayout: 2 }, true)).toEqual([]);
  });
});
