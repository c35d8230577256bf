import { rmSync } from 'node:fs';
import { address } from '@myelin/address';
import { BpfMap, filterProgram, interfaceIndex, mapTypes, probeFeature, type TcDirection, tcxPrograms } from '@myelin/bpf-native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Datapath } from './datapath.ts';
import { mapPin } from './pins.ts';
import { indexKey } from './table.ts';
import { NodeKernel } from './testing/node-kernel.ts';

// Opening a datapath has the kernel verify all programs: each group does with as few as it can, step by step.

const name = `md${process.pid}`;
const place = { handle: 1, priority: 1 };
const hasTcx = (await probeFeature('tcx')).state === 'supported';
const directions: readonly TcDirection[] = ['ingress', 'egress'];

let kernel: NodeKernel;
let datapath: Datapath;
/** A node of the group's own. */
function begin(options: Parameters<NodeKernel['open']>[0] = {}): void {
  beforeAll(async () => {
    kernel = new NodeKernel();
    datapath = await kernel.open(options);
  });
  afterAll(() => kernel.close());
}

describe('a datapath that is opened again', () => {
  begin({ sizes: { addresses_v4: 16 } });

  it('adopts the maps with all that is in them, and their sizes, whatever is asked for now (D9)', async () => {
    expect(datapath.adopted).toBe(false);
    datapath.addresses.set(address('10.1.0.2'), { identity: 300, slot: 1, node: 0 });
    datapath = await kernel.reopen(datapath, { sizes: { addresses_v4: 32 } });
    expect(datapath.adopted).toBe(true);
    expect(datapath.addresses.read(address('10.1.0.2'))).toEqual({ identity: 300, slot: 1, node: 0 });
    expect(datapath.pressure()).toContainEqual({ table: 'addresses_v4', entries: 1, capacity: 16 });
  });
  it('is refused by its layout, and left as it is', async () => {
    const layout = BpfMap.openPinned(mapPin(kernel.bpffs, 'layout'));
    const value = layout.lookup(indexKey(0))!;
    const changed = Buffer.from(value);
    changed.writeBigUInt64LE(1n);
    layout.update(indexKey(0), changed);
    await expect(kernel.open()).rejects.toMatchObject({ name: 'DatapathError', code: 'layout' });
    layout.update(indexKey(0), value);
    layout.close();
    datapath = await kernel.reopen(datapath);
    expect(datapath.addresses.read(address('10.1.0.2'))).not.toBeNull();
  });
  it('is refused by the shape of a map', async () => {
    rmSync(mapPin(kernel.bpffs, 'subjects'));
    const other = BpfMap.create({ type: mapTypes.array, name: 'subjects', keySize: 4, valueSize: 16, maxEntries: 4096 });
    other.pin(mapPin(kernel.bpffs, 'subjects'));
    other.close();
    await expect(kernel.open()).rejects.toMatchObject({ code: 'layout', message: expect.stringContaining('valueSize 16 instead of 8') });
  });
});

describe.each([
  { attachBy: 'tcx', isThere: hasTcx },
  { attachBy: 'clsact', isThere: true },
] as const)('attachments by $attachBy', ({ attachBy, isThere }) => {
  if (isThere) begin({ attachBy });
  /** What concerns tcx alone. */
  const itByTcx = attachBy === 'tcx' ? it.runIf(isThere) : null;
  const hooks = () => directions.map((direction) => ({ ifindex: interfaceIndex(name)!, direction }));
  const linked = () => hooks().map((hook) => (hasTcx ? tcxPrograms(hook) : []));
  const filtered = () => hooks().map((hook) => filterProgram(hook, place));
  /** What is attached in each direction. */
  const ids = () => (attachBy === 'tcx' ? linked().flat() : filtered());

  async function attachFinally(to: string): Promise<void> {
    const { isProvisional } = await datapath.attachments.attach(to);
    if (isProvisional) while (!(await datapath.attachments.moveToTcx(to)));
  }

  it.runIf(isThere)('are made at no interface that is not there: it is named', async () => {
    await expect(datapath.attachments.attach('nowhere')).rejects.toThrow(/no interface nowhere/);
  });
  it.runIf(isThere)('are taken from an interface that is gone', async () => {
    kernel.addPair(name);
    await attachFinally(name);
    kernel.removePair(name);
    await datapath.attachments.detach(name);
    kernel.addPair(name);
    await attachFinally(name);
    expect(ids().every((id) => id !== null)).toBe(true);
    await datapath.attachments.detach(name);
    kernel.removePair(name);
  });
  itByTcx?.('begin with filters, and move to tcx step by step without a moment that has neither', async () => {
    kernel.addPair(name);
    const { attachments } = datapath;
    const stages = () => hooks().map((hook) => [tcxPrograms(hook).length, filterProgram(hook, place) === null ? 0 : 1]);
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
    await attachments.detach(name);
    kernel.removePair(name);
  });
  itByTcx?.('have nothing to move where the interface has gone', async () => {
    kernel.addPair(name);
    await datapath.attachments.attach(name);
    kernel.removePair(name);
    expect(await datapath.attachments.moveToTcx(name)).toBe(true);
  });
  it.runIf(isThere)('are replaced in place by the next process, and never leave an interface without (D9)', async () => {
    kernel.addPair(name);
    await attachFinally(name);
    const before = ids();
    const interrupted = attachBy === 'tcx' ? await begunMoves() : [];
    datapath = await kernel.reopen(datapath, { attachBy });
    // The old process is gone: its programs still run.
    expect(ids()).toEqual(before);
    expect(await datapath.attachments.attach(name)).toEqual({ ifindex: interfaceIndex(name), isProvisional: false });
    const after = ids();
    expect(after).toHaveLength(2);
    expect(after.some((id) => before.includes(id))).toBe(false);
    for (const each of interrupted) await expectMoved(each);
    await datapath.attachments.detach(name);
    await datapath.attachments.detach(name);
    expect([linked(), filtered()]).toEqual([
      [[], []],
      [null, null],
    ]);
  });

  /** Interfaces whose move to tcx has come to its beginning, its middle, and its last step. */
  async function begunMoves(): Promise<readonly string[]> {
    const names = [0, 1, 2].map((steps) => kernel.addPair(`${name}${steps}`));
    for (const [steps, each] of names.entries()) {
      await datapath.attachments.attach(each);
      for (let step = 0; step < steps; step += 1) await datapath.attachments.moveToTcx(each);
    }
    return names;
  }

  /** It goes on, wherever it stood. */
  async function expectMoved(each: string): Promise<void> {
    const { attachments } = datapath;
    expect(await attachments.attach(each)).toMatchObject({ isProvisional: true });
    while (!(await attachments.moveToTcx(each)));
    for (const direction of directions) expect(tcxPrograms({ ifindex: interfaceIndex(each)!, direction })).toHaveLength(1);
    expect(await attachments.attach(each)).toMatchObject({ isProvisional: false });
  }
});

describe('a datapath that cannot be opened', () => {
  beforeAll(() => {
    kernel = new NodeKernel();
  });
  afterAll(() => kernel.close());

  it('says that the folder is on no BPF file system', async () => {
    await expect(kernel.open({ bpffs: '/tmp' })).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('mount') });
  });
  it('names the object that is not there', async () => {
    await expect(kernel.open({ objectFiles: ['/nowhere/pod.o'] })).rejects.toMatchObject({ code: 'unsupported' });
  });
});
