import { address, formatAddress, formatPrefix, prefix } from '@myelin/address';
import { endpointCodec, nodeStateCodec } from '@myelin/datapath-layout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EndpointEntry } from './endpoints.ts';
import { peerIndex } from './peer-epochs.ts';
import { indexKey } from './table.ts';
import type { Tables } from './tables.ts';
import { KernelTables } from './testing/kernel-tables.ts';

let kernel: KernelTables;
let tables: Tables;
beforeEach(async () => {
  kernel = await KernelTables.create();
  tables = await kernel.open();
});
afterEach(() => kernel.close());

/** A raw value, as the programs see it. */
const raw = (map: string, index: number) => kernel.map(map).lookup(indexKey(index))!;
const peerEpoch = (text: string) => raw('peer_epochs', peerIndex(address(text))).readUInt32LE();
const nodeState = () => nodeStateCodec.read(raw('node_state', 0));

const pod = (slot: number, changes: Partial<EndpointEntry> = {}): EndpointEntry => ({
  slot,
  ifindex: 100 + slot,
  identity: 300,
  subject: 1,
  addresses: [address('10.1.0.2'), address('fd00:1::2')],
  mac: '02:50:00:00:00:01',
  nodeMac: '02:4e:00:00:00:01',
  ready: false,
  ...changes,
});

describe('addresses', () => {
  const web = address('10.1.0.2');
  const six = address('fd00:1::2');
  it('are read back as written, in both families', () => {
    tables.addresses.set(web, { identity: 300, slot: 4, node: 0 });
    tables.addresses.set(six, { identity: 301, slot: 0, node: 7 });
    expect(tables.addresses.read(web)).toEqual({ identity: 300, slot: 4, node: 0 });
    expect(tables.addresses.read(six)).toEqual({ identity: 301, slot: 0, node: 7 });
    expect(tables.addresses.read(address('10.1.0.3'))).toBeNull();
  });
  it('raise their epoch, and then the clock to it; writing the same again costs nothing (D2)', () => {
    expect(tables.addresses.set(web, { identity: 300, slot: 4, node: 0 })).toBe(true);
    expect([peerEpoch('10.1.0.2'), nodeState().clock]).toEqual([1, 1]);
    expect(tables.addresses.set(web, { identity: 300, slot: 4, node: 0 })).toBe(false);
    expect(nodeState().clock).toBe(1);
    tables.addresses.delete(web);
    expect([peerEpoch('10.1.0.2'), nodeState().clock]).toEqual([2, 2]);
    expect(peerEpoch('10.9.9.9')).toBe(0);
  });
  it('of an identity have their epochs raised on demand, others not', async () => {
    tables.addresses.set(web, { identity: 300, slot: 0, node: 1 });
    tables.addresses.set(six, { identity: 301, slot: 0, node: 1 });
    const before = peerEpoch('fd00:1::2');
    expect(await tables.addresses.touch(new Set([300]))).toBe(1);
    expect([peerEpoch('10.1.0.2'), peerEpoch('fd00:1::2')]).toEqual([nodeState().clock, before]);
  });
  it('are pruned: what nobody names is deleted', async () => {
    for (const text of ['10.9.0.1', '10.1.0.2', 'fd00:1::2', 'fd00:9::1'])
      tables.addresses.set(address(text), { identity: 300, slot: 0, node: 1 });
    const keep = new Set([web.value, six.value]);
    expect(await tables.addresses.prune(({ value }) => keep.has(value))).toBe(2);
    expect((await tables.addresses.entries()).map(([of]) => formatAddress(of)).sort()).toEqual(['10.1.0.2', 'fd00:1::2']);
    expect(await tables.addresses.prune(() => true)).toBe(0);
  });
  it('that find no room are refused by name; the others stand, and the refusal is counted (C8)', async () => {
    const small = await KernelTables.create({ addresses_v4: 2 });
    try {
      const tight = await small.open();
      const peer = { identity: 310, slot: 0, node: 1 };
      for (const text of ['10.0.0.1', '10.0.0.2', 'fd00::1']) tight.addresses.set(address(text), peer);
      expect(() => tight.addresses.set(address('10.0.0.3'), peer)).toThrow(expect.objectContaining({ code: 'full', object: '10.0.0.3' }));
      expect(tight.addresses.read(address('10.0.0.1'))).toEqual(peer);
      expect(tight.addresses.set(address('10.0.0.1'), { ...peer, identity: 311 })).toBe(true);
      expect(small.refusals.get('addresses_v4')).toBe(1);
      expect(tight.addresses.pressure).toContainEqual({ table: 'addresses_v4', entries: 2, capacity: 2 });
      tight.addresses.delete(address('10.0.0.2'));
      expect(tight.addresses.set(address('10.0.0.3'), peer)).toBe(true);
    } finally {
      small.close();
    }
  });
});

describe('prefixes', () => {
  const entry = (text: string, identity: number, peerClass: number) => ({ prefix: prefix(text), identity, peerClass });
  it('are all written in one turn, with the prefix epoch before the clock', () => {
    tables.prefixes.reconcile([entry('0.0.0.0/0', 9, 0), entry('::/0', 10, 0), entry('10.0.0.0/8', 0, 3)]);
    expect(nodeState()).toEqual({ clock: 1, prefixEpoch: 1 });
  });
  it('that are the same cost no epoch', () => {
    tables.prefixes.reconcile([entry('10.0.0.0/8', 0, 3)]);
    expect(tables.prefixes.reconcile([entry('10.0.0.0/8', 0, 3)])).toEqual({ written: 0, deleted: 0, refused: [] });
    expect(nodeState().clock).toBe(1);
  });
  it('that are not wanted any more are deleted', () => {
    tables.prefixes.reconcile([entry('10.0.0.0/8', 0, 3), entry('fd00::/16', 1 << 24, 4)]);
    expect(tables.prefixes.reconcile([entry('fd00::/16', 1 << 24, 5)])).toMatchObject({ written: 1, deleted: 1 });
    expect(tables.prefixes.entries()).toEqual([entry('fd00::/16', 1 << 24, 5)]);
  });
  it('are found again by a new process, the shortest and the longest too', async () => {
    const entries = [entry('0.0.0.0/0', 9, 0), entry('::/0', 10, 1), entry('10.1.2.3/32', 5, 2), entry('fd00::1/128', 6, 3)];
    tables.prefixes.reconcile(entries);
    tables = await kernel.open();
    const texts = tables.prefixes.entries().map((found) => [formatPrefix(found.prefix), found.identity, found.peerClass]);
    expect(texts.sort()).toEqual(entries.map((wanted) => [formatPrefix(wanted.prefix), wanted.identity, wanted.peerClass]).sort());
    expect(tables.prefixes.reconcile(entries)).toEqual({ written: 0, deleted: 0, refused: [] });
  });
});

describe('endpoints', () => {
  it('are read back as written', () => {
    const entry = pod(tables.endpoints.reserve(), { ready: true });
    tables.endpoints.write(entry);
    expect(tables.endpoints.read(entry.slot)).toEqual(entry);
    expect(tables.endpoints.entries()).toEqual([entry]);
    expect(raw('interfaces', entry.ifindex).readUInt32LE()).toBe(entry.slot);
  });
  it('raise their own epoch at every change, and never go back, not even when the slot is given again (D2)', () => {
    const slot = tables.endpoints.reserve();
    const epoch = () => endpointCodec.read(raw('endpoints', slot)).epoch;
    tables.endpoints.write(pod(slot));
    const first = epoch();
    tables.endpoints.write(pod(slot));
    expect(epoch()).toBe(first);
    tables.endpoints.write(pod(slot, { ready: true }));
    expect(epoch()).toBe(first + 1);
    tables.endpoints.remove(slot);
    expect([epoch(), nodeState().clock]).toEqual([first + 2, first + 2]);
    expect(tables.endpoints.read(slot)).toBeNull();
  });
  it('lose their interface when removed or moved to another', () => {
    const slot = tables.endpoints.reserve();
    tables.endpoints.write(pod(slot, { ifindex: 50 }));
    tables.endpoints.write(pod(slot, { ifindex: 51 }));
    expect([raw('interfaces', 50).readUInt32LE(), raw('interfaces', 51).readUInt32LE()]).toEqual([0, slot]);
    tables.endpoints.remove(slot);
    expect(raw('interfaces', 51).readUInt32LE()).toBe(0);
  });
  it('get the slot that has been free longest, over a restart too', async () => {
    const [a, b] = [tables.endpoints.reserve(), tables.endpoints.reserve()];
    expect([a, b]).toEqual([1, 2]);
    tables.endpoints.write(pod(a));
    tables.endpoints.write(pod(b));
    tables.endpoints.remove(b);
    tables.endpoints.remove(a);
    tables = await kernel.open();
    expect(tables.endpoints.reserve()).toBe(3);
    tables.endpoints.keep(4);
    expect(tables.endpoints.reserve()).toBe(5);
  });
  it('with an interface number beyond the table are refused before anything is written', () => {
    expect(() => tables.endpoints.write(pod(1, { ifindex: 65536 }))).toThrow(/index 65536/);
    expect(tables.endpoints.read(1)).toBeNull();
  });
});

describe('applied identities', () => {
  it('are bits that are set, cleared and listed', () => {
    expect(tables.appliedIdentities.set([256, 300, 65535, 1, 1 << 24])).toEqual([256, 300, 65535]);
    expect(tables.appliedIdentities.set([300])).toEqual([]);
    expect(tables.appliedIdentities.clear([256, 400])).toEqual([256]);
    expect(tables.appliedIdentities.entries()).toEqual([300, 65535]);
    expect([tables.appliedIdentities.has(300), tables.appliedIdentities.has(256)]).toEqual([true, false]);
  });
});

describe('the clock', () => {
  it('gives one epoch to everything that changes in a turn, also in turns within it', () => {
    tables.clock.turn(() => {
      tables.addresses.set(address('10.1.0.2'), { identity: 300, slot: 1, node: 0 });
      tables.endpoints.write(pod(1));
    });
    expect([peerEpoch('10.1.0.2'), endpointCodec.read(raw('endpoints', 1)).epoch, nodeState().clock]).toEqual([1, 1, 1]);
  });
  it('moves on although a change fails half way: what was written must be noticed', () => {
    const failing = () =>
      tables.clock.turn(() => {
        tables.addresses.set(address('10.1.0.2'), { identity: 300, slot: 1, node: 0 });
        throw new Error('half way');
      });
    expect(failing).toThrow('half way');
    expect(nodeState().clock).toBe(peerEpoch('10.1.0.2'));
  });
  it('goes on where it stood in another process', async () => {
    tables.addresses.set(address('10.1.0.2'), { identity: 300, slot: 1, node: 0 });
    tables = await kernel.open();
    tables.addresses.delete(address('10.1.0.2'));
    expect(nodeState().clock).toBe(2);
  });
});
