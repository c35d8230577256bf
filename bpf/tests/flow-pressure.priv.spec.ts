import { flowClass, flowFlags } from '@myelin/datapath-layout';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { faultsAtRest } from './flow/audit.ts';
import { client, establish, flags, flow, host, openers, openFlow, server } from './flow/connection.ts';
import { type Key, reverseKey, tcp, udp } from './flow/flow-keys.ts';
import { FlowTable } from './flow/flow-table.ts';

/** A table of two buckets holds this many flows of two entries. */
const flowsThatFit = 8;
const stored = 0;
const refused = 1;

describe.each([4, 6] as const)('a full flow table for IPv%i', (family) => {
  let table: FlowTable;
  beforeAll(async () => {
    table = await FlowTable.load({ family });
  });
  afterAll(() => table.close());
  beforeEach(() => table.reset());
  afterEach(async () => {
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
  });

  /** Opens flows from `first` on, `count` of them, and takes each to established. */
  async function fill(count: number, first = 0): Promise<void> {
    for (let n = first; n < first + count; n++) expect(await establish(table, flow(n))).toBe(stored);
  }
  /** Keys of `count` flows, both directions of which are at home in the first bucket: four fill it. */
  async function flowsAtHome(count: number, protocol = tcp): Promise<Key[]> {
    const keys: Key[] = [];
    for (let n = 0; keys.length < count; n++) {
      const key = flow(n, { protocol });
      const places = [await table.places(key), await table.places(reverseKey(key, server))];
      if (places.every(({ home }) => home === 0)) keys.push(key);
    }
    return keys;
  }

  it('is filled to the last way', async () => {
    await fill(flowsThatFit);
    expect(await table.entries()).toHaveLength(16);
  });

  it('keeps every established flow and refuses new ones (D8)', async () => {
    await fill(flowsThatFit);
    expect(await openFlow(table, flow(100))).toEqual({ stored: refused, ended: [null, null] });
    expect(await table.find(flow(100))).toBeNull();
    for (let n = 0; n < flowsThatFit; n++) {
      expect((await table.find(flow(n)))?.action.class).toBe(flowClass.FLOW_ESTABLISHED_TCP);
      expect((await table.find(reverseKey(flow(n), server)))?.action.class).toBe(flowClass.FLOW_ESTABLISHED_TCP);
    }
  });

  it('decides an established flow anew without asking for room', async () => {
    await fill(flowsThatFit);
    expect(await openFlow(table, flow(3), { decided: 9 })).toEqual({ stored, ended: [null, null] });
    expect((await table.find(flow(3)))?.action.decided).toBe(9);
  });

  it('takes back the first direction when there is no room for the second', async () => {
    await fill(flowsThatFit - 1);
    await table.deny(flow(50), { target: server, reason: 133 });
    expect(await table.entries()).toHaveLength(15);
    await table.deny(flow(51), { target: server, reason: 133 });
    await establish(table, flow(52, { protocol: udp }));
    expect(await table.entries()).toHaveLength(16);
    await table.deny(flow(53), { target: server, reason: 133 });
    await table.age(flow(0), 31251);
    const { stored: outcome } = await openFlow(table, flow(60));
    expect(outcome).toBe(refused);
    expect(await table.find(flow(60))).toBeNull();
    expect(await table.find(reverseKey(flow(60), server))).toBeNull();
  });

  it('lets an established flow go on with one entry when there is no room for a forgotten reply', async () => {
    await fill(flowsThatFit);
    const reply = reverseKey(flow(0), server);
    await table.age(reply, 31251);
    for (const index of [0, 1]) await table.expire(index);
    // The free way goes to a reply of another flow, whose original has just gone the same way.
    await table.age(flow(1), 31251);
    for (const index of [0, 1]) await table.expire(index);
    expect(await establish(table, flow(70))).toBe(stored);
    expect((await openFlow(table, flow(0), { decided: 5 })).stored).toBe(stored);
    expect((await table.find(flow(0)))?.action).toMatchObject({ decided: 5, class: flowClass.FLOW_ESTABLISHED_TCP });
    expect(await table.find(reply)).toBeNull();
  });

  describe.each(['negative', 'closing', 'half-open'])('whose only lesser entries are %s', (lesser) => {
    it('gives one of them to a one-way flow, and tells what had to go', async () => {
      await fill(flowsThatFit - 1);
      await openers[lesser]!(table, flow(50));
      if (lesser === 'negative') await openers[lesser]!(table, flow(51));
      expect(await table.entries()).toHaveLength(16);
      const { stored: outcome, ended } = await openFlow(table, flow(60, { protocol: udp }));
      expect(outcome).toBe(stored);
      expect(ended.map((end) => end?.action.class)).toEqual(
        Array(2).fill(
          { negative: flowClass.FLOW_NEGATIVE, closing: flowClass.FLOW_CLOSING, 'half-open': flowClass.FLOW_HALF_OPEN }[lesser],
        ),
      );
      expect(await table.find(flow(50))).toBeNull();
      for (let n = 0; n < flowsThatFit - 1; n++) expect(await table.find(flow(n))).not.toBeNull();
    });
  });

  it('never gives a young flow to another of its own class, nor a one-way flow to a half-open one', async () => {
    await fill(flowsThatFit - 1);
    await openers['half-open']!(table, flow(50));
    expect((await openFlow(table, flow(60))).stored).toBe(refused);
    table.reset();
    await fill(flowsThatFit - 1);
    await openers['one-way']!(table, flow(50));
    expect((await openFlow(table, flow(60, { protocol: udp }))).stored).toBe(refused);
    expect((await openFlow(table, flow(60))).stored).toBe(refused);
  });

  it('gives what is dead before what is alive, whatever its class', async () => {
    const [dead, ...young] = await flowsAtHome(4);
    await establish(table, dead!);
    for (const key of young) await openFlow(table, key);
    await table.age(dead!, 31251);
    await table.age(reverseKey(dead!, server), 31251);
    const [newcomer] = await flowsAtHome(1, udp);
    const { ended } = await openFlow(table, newcomer!);
    expect(ended.map((end) => end?.action.class)).toEqual([flowClass.FLOW_ESTABLISHED_TCP, flowClass.FLOW_ESTABLISHED_TCP]);
    for (const key of young) expect(await table.find(key)).not.toBeNull();
  });

  it('gives the one that has been silent longest among equals', async () => {
    const keys = await flowsAtHome(4);
    for (const key of keys) await openFlow(table, key);
    await table.age(keys[2]!, 20);
    await table.age(reverseKey(keys[2]!, server), 20);
    await table.age(keys[1]!, 10);
    const [newcomer] = await flowsAtHome(1, udp);
    await openFlow(table, newcomer!);
    expect(await table.find(keys[2]!)).toBeNull();
    for (const key of [keys[0]!, keys[1]!, keys[3]!]) expect(await table.find(key)).not.toBeNull();
  });

  it('also finds the reply of a denied flow that lies in its second bucket', async () => {
    for (const key of await flowsAtHome(4)) await establish(table, key);
    let key = flow(0);
    for (let n = 1; (await table.places(key)).home !== 1 || (await table.places(reverseKey(key, server))).home !== 0; n++) key = flow(n);
    await openFlow(table, key);
    expect((await table.find(reverseKey(key, server)))!.action.flags & flowFlags.FLOW_GUEST).toBeTruthy();
    await table.deny(key, { target: server, reason: 133 });
    expect((await table.find(reverseKey(key, server)))?.action.class).toBe(flowClass.FLOW_NEGATIVE);
  });

  it('takes nothing away for a denial: it finds room or is forgotten', async () => {
    await fill(flowsThatFit - 1);
    await openers.closing!(table, flow(50));
    expect((await table.deny(flow(60), { target: server, reason: 133 })).stored).toBe(refused);
    expect(await table.find(flow(50))).not.toBeNull();
  });
});

describe.each([4, 6] as const)('a full bucket for IPv%i', (family) => {
  let table: FlowTable;
  let keys: Key[];
  beforeAll(async () => {
    table = await FlowTable.load({ family });
  });
  afterAll(() => table.close());
  beforeEach(async () => {
    table.reset();
    keys = [];
    for (let n = 0; keys.length < 10; n++) if ((await table.places(flow(n))).home === 0) keys.push(flow(n));
    // Denials have one entry: exactly these keys, and nothing of another class that could give way.
    for (const key of keys.slice(0, 9)) await table.deny(key, { target: server, reason: 133 });
  });
  afterEach(async () => {
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
  });

  it('sends its ninth entry to the second bucket and counts it at home', async () => {
    const [first, second] = await table.dump();
    expect(first).toMatchObject({ guests: 1, entries: Array(8).fill({}) });
    expect(second?.entries).toMatchObject([{ action: { flags: flowFlags.FLOW_GUEST } }]);
    expect(await table.find(keys[8]!)).not.toBeNull();
  });

  it('decides the guest anew where it is, even when there is room at home again', async () => {
    await table.age(keys[0]!, 236);
    await table.expire(0);
    await table.deny(keys[8]!, { target: server, reason: 133, decided: 7 });
    const [first, second] = await table.dump();
    expect(first?.entries).toHaveLength(7);
    expect(second?.entries).toMatchObject([{ action: { decided: 7 } }]);
  });

  it('takes newcomers home again when there is room, also while a guest is out', async () => {
    await table.age(keys[0]!, 236);
    await table.expire(0);
    await table.deny(keys[9]!, { target: server, reason: 133 });
    const [first, second] = await table.dump();
    expect(first).toMatchObject({ guests: 1, entries: Array(8).fill({}) });
    expect(second?.entries).toHaveLength(1);
  });

  it('forgets its guest when that expires', async () => {
    await table.age(keys[8]!, 236);
    await table.expire(1);
    expect((await table.dump())[0]).toMatchObject({ guests: 0 });
  });

  it('forgets its guest when that gives way to another entry', async () => {
    let filled = 0;
    for (let n = 1000; filled < 8; n++) {
      if ((await table.places(flow(n))).home !== 1) continue;
      await openFlow(table, flow(n), { target: 9 });
      filled = (await table.dump())[1]!.entries.filter(({ action }) => action.class > flowClass.FLOW_NEGATIVE).length;
    }
    expect(await table.find(keys[8]!)).toBeNull();
  });
});

describe.each([4, 6] as const)('the shares of endpoints over IPv%i (D8)', (family) => {
  let table: FlowTable;
  const share = 8;
  beforeAll(async () => {
    table = await FlowTable.load({ family, buckets: 64, youngShare: share, establishedShare: share });
  });
  afterAll(() => table.close());
  beforeEach(() => table.reset());
  afterEach(async () => {
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
  });
  const youngOf = (owner: number) => table.shares().owners[owner]!.young;

  it('charge both entries of a flow to the pod that opened it', async () => {
    await openFlow(table, flow(1));
    expect(youngOf(client)).toBe(2);
    expect(youngOf(server)).toBe(0);
  });

  it('charge a flow from outside to the pod that it came for', async () => {
    await openFlow(table, flow(1, { zone: host }));
    expect(youngOf(server)).toBe(2);
  });

  it('are never exceeded, and neighbours go on', async () => {
    for (let n = 0; n < 50; n++) await openFlow(table, flow(n));
    // One less where the first direction found an entry of its own to replace, the second none, and the first was taken back.
    expect([share, share - 1]).toContain(youngOf(client));
    expect((await openFlow(table, flow(99, { zone: 6 }))).stored).toBe(stored);
  });

  it('used up, let a pod replace young flows of its own: it is never locked out', async () => {
    const small = await FlowTable.load({ family, youngShare: share, establishedShare: share });
    for (let n = 0; n < share / 2; n++) expect((await openFlow(small, flow(n))).stored).toBe(stored);
    const { stored: outcome, ended } = await openFlow(small, flow(100));
    expect(outcome).toBe(stored);
    expect(ended).toMatchObject([{ action: { class: flowClass.FLOW_HALF_OPEN } }, { action: { class: flowClass.FLOW_HALF_OPEN } }]);
    expect(small.shares().owners[client]?.young).toBe(share);
    small.close();
  });

  it('used up, let a pod replace its own flows and none of its neighbours’ in the same bucket, however old', async () => {
    const small = await FlowTable.load({ family, youngShare: 4, establishedShare: 4 });
    for (const zone of [8, 9, 10]) await openFlow(small, flow(100 + zone, { zone }));
    for (const zone of [8, 9, 10]) await small.age(flow(100 + zone, { zone }), 30);
    for (let n = 0; n < 20; n++) expect((await openFlow(small, flow(n))).stored).toBe(stored);
    for (const zone of [8, 9, 10]) expect(await small.find(flow(100 + zone, { zone }))).not.toBeNull();
    expect(small.shares().owners[client]?.young).toBe(4);
    small.close();
  });

  it('too small for both directions refuse a flow rather than let one take the other’s way', async () => {
    const small = await FlowTable.load({ family, youngShare: 1, establishedShare: 1 });
    for (let n = 0; n < 8; n++) expect((await openFlow(small, flow(n))).stored).toBe(refused);
    expect(await small.entries()).toEqual([]);
    expect(faultsAtRest(await small.dump(), small.shares(), family)).toEqual([]);
    small.close();
  });

  it('are a sixteenth and a quarter of both tables unless the loader says otherwise', async () => {
    const unset = await FlowTable.load({ family, buckets: 4, youngShare: 0, establishedShare: 0 });
    // Two tables of 32 ways: 4 young entries, 16 established.
    for (let n = 0; n < 20; n++) await openFlow(unset, flow(n));
    expect(unset.shares().owners[client]?.young).toBe(4);
    unset.reset();
    for (let n = 0; n < 20; n++) await establish(unset, flow(n));
    expect(unset.shares().owners[client]?.established).toBe(16);
    unset.close();
  });

  it('used up, never take a way from a neighbour, not even an empty one', async () => {
    for (let n = 0; n < share / 2; n++) await openFlow(table, flow(n));
    await openFlow(table, flow(99, { zone: 6 }));
    for (let n = 100; n < 150; n++) await openFlow(table, flow(n));
    expect(youngOf(6)).toBe(2);
    expect(youngOf(client)).toBeLessThanOrEqual(share);
  });

  it('of established flows leave those beyond them young, and they still pass', async () => {
    for (let n = 0; n < share / 2; n++) await establish(table, flow(n));
    expect(table.shares().owners[client]).toEqual({ young: 0, established: share });
    await establish(table, flow(50));
    expect(table.shares().owners[client]).toEqual({ young: 2, established: share });
    expect((await table.find(flow(50)))?.action.class).toBe(flowClass.FLOW_HALF_OPEN);
    expect((await table.pass(flow(50), { tcpFlags: flags.ack }))?.before.packets).toBe(2);
  });

  it('are given back when flows close or expire', async () => {
    await establish(table, flow(1));
    await openFlow(table, flow(2));
    await table.pass(flow(1), { tcpFlags: flags.rst });
    await table.age(flow(2), 236);
    for (let index = 0; index < 64; index++) await table.expire(index);
    expect(table.shares().owners[client]).toEqual({ young: 1, established: 0 });
  });

  it('do not count denials', async () => {
    for (let n = 0; n < 20; n++) await table.deny(flow(n), { target: server, reason: 133 });
    expect(table.shares().owners[client]).toEqual({ young: 0, established: 0 });
    expect(await table.entries()).toHaveLength(20);
  });
});
