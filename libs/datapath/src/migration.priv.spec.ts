import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { address } from '@myelin/address';
import { BpfMap, filterProgram, interfaceIndex, mapTypes } from '@myelin/bpf-native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Datapath } from './datapath.ts';
import type { Migration } from './migration.ts';
import { mapPin } from './pins.ts';
import { indexKey } from './table.ts';
import { NodeKernel } from './testing/node-kernel.ts';

const digest = 0xbadn;
const peer = { identity: 300, slot: 1, node: 7 };
const who = address('10.1.0.2');
const noPreallocation = 1;

/** `struct peer` of a layout that had its members the other way round: node, slot, identity. */
const migration: Migration = {
  from: digest,
  maps: {
    addresses_v4: (key, old) => {
      const value = Buffer.alloc(8);
      value.writeUInt32LE(old.readUInt32LE(4), 0);
      value.writeUInt16LE(old.readUInt16LE(2), 4);
      value.writeUInt16LE(old.readUInt16LE(0), 6);
      return [key, value];
    },
  },
};

let kernel: NodeKernel;
let ifindex: number;
beforeAll(async () => {
  kernel = new NodeKernel();
  ifindex = interfaceIndex(kernel.addPair(`mm${process.pid}`))!;
  await becomeOld(await kernel.open());
});
afterAll(() => kernel.close());

/** Gives the maps that other layout: an address table of its own, whose size somebody chose, and its digest. */
async function becomeOld(datapath: Datapath): Promise<void> {
  datapath.addresses.set(address('fd00::2'), peer);
  datapath.close();
  const interfaces = BpfMap.openPinned(mapPin(kernel.bpffs, 'interfaces'));
  interfaces.update(indexKey(ifindex), indexKey(1));
  // One that has gone meanwhile is passed over.
  interfaces.update(indexKey(65_535), indexKey(2));
  interfaces.close();
  rmSync(mapPin(kernel.bpffs, 'addresses_v4'));
  const old = BpfMap.create({
    type: mapTypes.hash,
    name: 'addresses_v4',
    keySize: 4,
    valueSize: 8,
    maxEntries: 100,
    flags: noPreallocation,
  });
  const value = Buffer.alloc(8);
  value.writeUInt16LE(peer.node, 0);
  value.writeUInt16LE(peer.slot, 2);
  value.writeUInt32LE(peer.identity, 4);
  old.update(Buffer.from([10, 1, 0, 2]), value);
  old.pin(mapPin(kernel.bpffs, 'addresses_v4'));
  old.close();
  const birth = BpfMap.openPinned(mapPin(kernel.bpffs, 'layout'));
  const bytes = birth.lookup(indexKey(0))!;
  bytes.writeBigUInt64LE(digest);
  birth.update(indexKey(0), bytes);
  birth.close();
}

function idOf(map: string): number {
  const opened = BpfMap.openPinned(mapPin(kernel.bpffs, map));
  const { id } = opened.info;
  opened.close();
  return id;
}

const left = () => ['maps-next', 'maps-last'].filter((folder) => existsSync(join(kernel.bpffs, folder)));

// One node, from its old layout to this one, step by step: opening it takes most of the time.
describe('maps of another layout', () => {
  it('are refused where programs write what would be copied, by its name', async () => {
    const flows: Migration = { from: digest, maps: { flows_v4: (key, value) => [key, value] } };
    await expect(kernel.open({ migrations: [flows] })).rejects.toMatchObject({
      code: 'layout',
      message: expect.stringContaining('flows_v4'),
    });
    expect(left()).toEqual([]);
  });
  it('are left as they are where the copy fails', async () => {
    const before = ['layout', 'addresses_v4', 'flows_v4'].map(idOf);
    const fail = () => {
      throw new Error('no luck');
    };
    await expect(kernel.open({ migrations: [{ from: digest, maps: { addresses_v4: fail } }] })).rejects.toThrow('no luck');
    expect(['layout', 'addresses_v4', 'flows_v4'].map(idOf)).toEqual(before);
    expect(left()).toEqual(['maps-next']);
    await expect(kernel.open()).rejects.toMatchObject({ code: 'layout' });
  });
  it('become this one’s, entry by entry, and all others are used on as they are (D6, D9)', async () => {
    const [flows, addresses, state] = ['flows_v4', 'addresses_v4', 'node_state'].map(idOf);
    const datapath = await kernel.open({ migrations: [migration], attachBy: 'clsact' });
    expect(datapath.adopted).toBe(true);
    expect(datapath.addresses.read(who)).toEqual(peer);
    expect(datapath.addresses.read(address('fd00::2'))).toEqual(peer);
    expect(datapath.pressure()).toContainEqual({ table: 'addresses_v4', entries: 1, capacity: 100 });
    expect([idOf('flows_v4'), idOf('node_state')]).toEqual([flows, state]);
    expect(idOf('addresses_v4')).not.toBe(addresses);
    expect(left()).toEqual([]);
    datapath.close();
  });
  it('have their programs replaced before anybody writes: none is left that reads the old ones', () => {
    const programs = (['ingress', 'egress'] as const).map((direction) => filterProgram({ ifindex, direction }, { handle: 1, priority: 1 }));
    expect(programs).not.toContain(null);
  });
  it('are in force also where the process was killed between the two renames', async () => {
    mkdirSync(join(kernel.bpffs, 'maps-last'));
    renameSync(join(kernel.bpffs, 'maps'), join(kernel.bpffs, 'maps-next'));
    // They are this layout's: nothing is to be migrated any more.
    const datapath = await kernel.open();
    expect([datapath.adopted, datapath.addresses.read(who)]).toEqual([true, peer]);
    expect(left()).toEqual([]);
  });
});
