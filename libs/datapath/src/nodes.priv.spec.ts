import { address, prefix, toBytes } from '@myelin/address';
import { NODES, nodeSlotCodec, nodeStateCodec, prefix6KeyCodec } from '@myelin/datapath-layout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TunnelledNode } from './nodes.ts';
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

const south: TunnelledNode = {
  address: address('192.0.2.2'),
  mac: '02:4d:00:00:00:02',
  ownMac: '02:4d:00:00:00:01',
  ifindex: 9,
  mtu: 1450,
  podRanges: [prefix('10.2.0.0/24'), prefix('fd02::/64')],
};

const prefixEpoch = () => nodeStateCodec.read(kernel.map('node_state').lookup(indexKey(0))!).prefixEpoch;
/** As the programs look it up. */
const slotOfSender = (text: string) => {
  const value = kernel.map('node_slots').lookup(Buffer.from(toBytes(address(text), 16)));
  return value === null ? null : nodeSlotCodec.read(value).slot;
};
const slotOfPod = (text: string) => {
  const value = kernel.map('pod_ranges').lookup(prefix6KeyCodec.encode({ prefixLength: 128, address: toBytes(address(text), 16) }));
  return value === null ? null : nodeSlotCodec.read(value).slot;
};

describe('a node behind a tunnel', () => {
  it('is found by its outer address, and by those of its pods in either family', () => {
    tables.nodes.set(3, south);
    expect(tables.nodes.read(3)).toMatchObject({ interface: 9, mtu: 1450, family: 4 });
    expect([slotOfSender('192.0.2.2'), slotOfPod('10.2.0.77'), slotOfPod('fd02::77')]).toEqual([3, 3, 3]);
    expect([slotOfSender('192.0.2.3'), slotOfPod('10.2.1.1'), slotOfPod('fd02:0:0:1::1')]).toEqual([null, null, null]);
  });

  it('D2: raises the epoch of prefixes with its ranges, and costs nothing when it is written again', () => {
    tables.nodes.set(3, south);
    const before = prefixEpoch();
    expect(before).toBeGreaterThan(0);
    tables.nodes.set(3, south);
    expect(prefixEpoch()).toBe(before);
    tables.nodes.set(3, { ...south, podRanges: [prefix('10.2.0.0/24')] });
    expect(prefixEpoch()).toBeGreaterThan(before);
    expect([slotOfPod('10.2.0.77'), slotOfPod('fd02::77')]).toEqual([3, null]);
  });

  it('may move to another outer address, and its old one and its ranges to another node', () => {
    tables.nodes.set(3, south);
    tables.nodes.set(3, { ...south, address: address('2001:db8::2') });
    expect([slotOfSender('192.0.2.2'), slotOfSender('2001:db8::2')]).toEqual([null, 3]);
    tables.nodes.set(4, { ...south, podRanges: [prefix('10.2.0.0/24')] });
    tables.nodes.remove(3);
    expect([slotOfSender('192.0.2.2'), slotOfSender('2001:db8::2'), slotOfPod('10.2.0.1'), slotOfPod('fd02::1')]).toEqual([
      4,
      null,
      4,
      null,
    ]);
    expect([tables.nodes.read(3), [...tables.nodes.slots()]]).toEqual([null, [4]]);
  });

  it('D1: has no address any more when another node gets it', () => {
    tables.nodes.set(3, south);
    tables.nodes.set(4, south);
    expect([slotOfSender('192.0.2.2'), tables.nodes.read(3), tables.nodes.read(4)?.interface]).toEqual([4, null, 9]);
  });

  it('D9: is known to whoever opens the tables again', async () => {
    tables.nodes.set(3, south);
    const again = await kernel.open();
    expect([...again.nodes.slots()]).toEqual([3]);
    again.nodes.remove(3);
    expect([slotOfSender('192.0.2.2'), slotOfPod('10.2.0.77')]).toEqual([null, null]);
  });

  it('C8: is refused where slots have run out, and others stay', () => {
    tables.nodes.set(3, south);
    expect(() => tables.nodes.set(NODES, south)).toThrow('no room for another node');
    expect(slotOfSender('192.0.2.2')).toBe(3);
  });
});
