import { rmSync } from 'node:fs';
import { address } from '@myelin/address';
import { BpfMap, filterProgram, interfaceIndex, mapTypes, type TcDirection, tcxPrograms } from '@myelin/bpf-native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapPin } from './pins.ts';
import { indexKey } from './table.ts';
import { NodeKernel } from './testing/node-kernel.ts';

let kernel: NodeKernel;
beforeEach(() => {
  kernel = new NodeKernel();
});
afterEach(() => kernel.close());

const name = `md${process.pid}`;
const place = { handle: 1, priority: 1 };
const directions: readonly TcDirection[] = ['ingress', 'egress'];

describe('a datapath that is opened again', () => {
  it('adopts the maps with all that is in them (D9)', async () => {
    const first = await kernel.open();
    expect(first.adopted).toBe(false);
    first.addresses.set(address('10.1.0.2'), { identity: 300, slot: 1, node: 0 });
    const second = await kernel.reopen(first);
    expect(second.adopted).toBe(true);
    expect(second.addresses.read(address('10.1.0.2'))).toEqual({ identity: 300, slot: 1, node: 0 });
    expect(second.pressure()).toContainEqual(expect.objectContaining({ table: 'addresses_v4', entries: 1 }));
  });
  it('keeps the size of tables that are there, whatever is asked for now', async () => {
    const first = await kernel.open({ sizes: { addresses_v4: 16 } });
    const second = await kernel.reopen(first, { sizes: { addresses_v4: 32 } });
    expect(second.pressure()).toContainEqual({ table: 'addresses_v4', entries: 0, capacity: 16 });
  });
  it.each(['tcx', 'clsact'] as const)(
    'replaces the programs in place by %s, and never leaves an interface without (D9)',
    async (attachBy) => {
      kernel.addPair(name);
      const ids = (direction: TcDirection) => {
        const hook = { ifindex: interfaceIndex(name)!, direction };
        return attachBy === 'tcx' ? tcxPrograms(hook) : [filterProgram(hook, place)!];
      };
      const first = await kernel.open({ attachBy });
      expect(first.attachments.attach(name)).toBe(interfaceIndex(name));
      const before = directions.map(ids);
      const second = await kernel.reopen(first, { attachBy });
      // The old process is gone: its programs still run.
      expect(directions.map(ids)).toEqual(before);
      second.attachments.attach(name);
      const after = directions.map(ids);
      expect(after.map((list) => list.length)).toEqual([1, 1]);
      expect(after.flat().some((id) => before.flat().includes(id))).toBe(false);
      second.attachments.detach(name);
      second.attachments.detach(name);
      expect(directions.flatMap((direction) => (attachBy === 'tcx' ? ids(direction) : ids(direction).filter((id) => id !== null)))).toEqual(
        [],
      );
    },
  );
  it('detaches from an interface that is gone', async () => {
    const datapath = await kernel.open({ attachBy: 'tcx' });
    kernel.addPair(name);
    datapath.attachments.attach(name);
    kernel.removePair(name);
    datapath.attachments.detach(name);
    kernel.addPair(name);
    datapath.attachments.attach(name);
  });
  it('refuses an interface that is not there by its name', async () => {
    const datapath = await kernel.open();
    expect(() => datapath.attachments.attach('nowhere')).toThrow(/no interface nowhere/);
  });
});

describe('a datapath of another version', () => {
  it('is refused by its layout, and left as it is', async () => {
    const first = await kernel.open();
    first.addresses.set(address('10.1.0.2'), { identity: 300, slot: 1, node: 0 });
    const layout = BpfMap.openPinned(mapPin(kernel.bpffs, 'layout'));
    const value = layout.lookup(indexKey(0))!;
    const changed = Buffer.from(value);
    changed.writeBigUInt64LE(1n);
    layout.update(indexKey(0), changed);
    await expect(kernel.open()).rejects.toMatchObject({ name: 'DatapathError', code: 'layout' });
    layout.update(indexKey(0), value);
    layout.close();
    expect((await kernel.open()).addresses.read(address('10.1.0.2'))).not.toBeNull();
  });
  it('is refused by the shape of a map', async () => {
    (await kernel.open()).close();
    rmSync(mapPin(kernel.bpffs, 'subjects'));
    const other = BpfMap.create({ type: mapTypes.array, name: 'subjects', keySize: 4, valueSize: 16, maxEntries: 4096 });
    other.pin(mapPin(kernel.bpffs, 'subjects'));
    other.close();
    await expect(kernel.open()).rejects.toMatchObject({ code: 'layout', message: expect.stringContaining('valueSize 16 instead of 8') });
  });
});

describe('a datapath that cannot be opened', () => {
  it('says that the folder is on no BPF file system', async () => {
    await expect(kernel.open({ bpffs: '/tmp' })).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('mount') });
  });
  it('names the object that is not there', async () => {
    await expect(kernel.open({ objectFiles: ['/nowhere/pod.o'] })).rejects.toMatchObject({ code: 'unsupported' });
  });
});
