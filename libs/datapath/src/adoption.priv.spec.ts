import { rmSync } from 'node:fs';
import { address } from '@myelin/address';
import { BpfMap, filterProgram, interfaceIndex, mapTypes, probeFeature, type TcDirection, tcxPrograms } from '@myelin/bpf-native';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Datapath } from './datapath.ts';
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
const hasTcx = (await probeFeature('tcx')).state === 'supported';
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
  describe.each([
    { attachBy: 'tcx', isThere: hasTcx },
    { attachBy: 'clsact', isThere: true },
  ] as const)('by $attachBy', ({ attachBy, isThere }) => {
    const hooks = () => directions.map((direction) => ({ ifindex: interfaceIndex(name)!, direction }));
    const linked = () => hooks().map((hook) => (hasTcx ? tcxPrograms(hook) : []));
    const filtered = () => hooks().map((hook) => filterProgram(hook, place));
    /** What is attached in each direction. */
    const ids = () => (attachBy === 'tcx' ? linked().flat() : filtered());

    async function attachFinally({ attachments }: Datapath): Promise<void> {
      const { isProvisional } = await attachments.attach(name);
      if (isProvisional) while (!(await attachments.moveToTcx(name)));
    }

    it.runIf(isThere)('replaces the programs in place, and never leaves an interface without (D9)', async () => {
      kernel.addPair(name);
      const first = await kernel.open({ attachBy });
      await attachFinally(first);
      const before = ids();
      const second = await kernel.reopen(first, { attachBy });
      // The old process is gone: its programs still run.
      expect(ids()).toEqual(before);
      expect(await second.attachments.attach(name)).toEqual({ ifindex: interfaceIndex(name), isProvisional: false });
      const after = ids();
      expect(after).toHaveLength(2);
      expect(after.some((id) => before.includes(id))).toBe(false);
      await second.attachments.detach(name);
      await second.attachments.detach(name);
      expect([linked(), filtered()]).toEqual([
        [[], []],
        [null, null],
      ]);
    });
    it.runIf(isThere)('detaches from an interface that is gone', async () => {
      const datapath = await kernel.open({ attachBy });
      kernel.addPair(name);
      await attachFinally(datapath);
      kernel.removePair(name);
      await datapath.attachments.detach(name);
      kernel.addPair(name);
      await attachFinally(datapath);
      expect(ids().every((id) => id !== null)).toBe(true);
    });
  });
  it.runIf(hasTcx)('begins with filters, and moves to tcx step by step without a moment that has neither', async () => {
    kernel.addPair(name);
    const { attachments } = await kernel.open({ attachBy: 'tcx' });
    const hooks = directions.map((direction) => ({ ifindex: interfaceIndex(name)!, direction }));
    const stages = () => hooks.map((hook) => [tcxPrograms(hook).length, filterProgram(hook, place) === null ? 0 : 1]);
    expect(await attachments.attach(name)).toEqual({ ifindex: interfaceIndex(name), isProvisional: true });
    const seen = [stages()];
    while (!(await attachments.moveToTcx(name))) seen.push(stages());
    seen.push(stages());
    // Links and filters at ingress and egress.
    expect(seen).toEqual([
      [
        [0, 1],
        [0, 1],
      ],
      [
        [1, 1],
        [0, 1],
      ],
      [
        [1, 1],
        [1, 1],
      ],
      [
        [1, 0],
        [1, 0],
      ],
    ]);
    expect(await attachments.attach(name)).toMatchObject({ isProvisional: false });
  });
  it.runIf(hasTcx)('goes on with moves that were interrupted, wherever they stood', async () => {
    const names = [0, 1, 2].map((steps) => kernel.addPair(`${name}${steps}`));
    const first = await kernel.open({ attachBy: 'tcx' });
    for (const [steps, each] of names.entries()) {
      await first.attachments.attach(each);
      for (let step = 0; step < steps; step += 1) await first.attachments.moveToTcx(each);
    }
    const { attachments } = await kernel.reopen(first, { attachBy: 'tcx' });
    for (const each of names) {
      expect(await attachments.attach(each)).toMatchObject({ isProvisional: true });
      while (!(await attachments.moveToTcx(each)));
      for (const direction of directions) expect(tcxPrograms({ ifindex: interfaceIndex(each)!, direction })).toHaveLength(1);
      expect(await attachments.attach(each)).toMatchObject({ isProvisional: false });
    }
  });
  it('has nothing to move where the interface has gone', async () => {
    kernel.addPair(name);
    const { attachments } = await kernel.open({ attachBy: 'tcx' });
    await attachments.attach(name);
    kernel.removePair(name);
    expect(await attachments.moveToTcx(name)).toBe(true);
  });
  it('refuses an interface that is not there by its name', async () => {
    const datapath = await kernel.open();
    await expect(datapath.attachments.attach('nowhere')).rejects.toThrow(/no interface nowhere/);
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
