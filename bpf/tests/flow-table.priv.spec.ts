import { FLOW_LAYOUT, flowClass, flowFlags } from '@myelin/datapath-layout';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { faultsAtRest, placesOf } from './flow/audit.ts';
import { client, establish, flags, flow, host, openFlow, server } from './flow/connection.ts';
import { encodeKey, reverseKey, udp } from './flow/flow-keys.ts';
import { FlowTable } from './flow/flow-table.ts';

const families = [4, 6] as const;

describe.each(families)('the flow table for IPv%i', (family) => {
  let table: FlowTable;
  const key = flow(1);
  const reply = reverseKey(key, server);
  beforeAll(async () => {
    table = await FlowTable.load({ family });
  });
  afterAll(() => table.close());
  beforeEach(() => table.reset());
  afterEach(async () => {
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
  });

  it('has nothing at first', async () => {
    expect(await table.find(key)).toBeNull();
    expect(await table.entries()).toEqual([]);
  });

  it('finds both directions of a flow, each with the zone of the other end', async () => {
    const decision = { identity: 300, egressOrigin: 11, ingressOrigin: 12, decided: 4 };
    expect(await openFlow(table, key, decision)).toEqual({ stored: 0, ended: [null, null] });
    expect((await table.find(key))?.action).toMatchObject({ target: server, identity: 300, origin: 11, decided: 4, flags: 0 });
    expect((await table.find(reply))?.action).toMatchObject({ target: client, origin: 11, decided: 4 });
    expect((await table.find(reply))!.action.flags & flowFlags.FLOW_REPLY).toBeTruthy();
    expect((await table.entries()).map(({ ingressOrigin }) => ingressOrigin)).toEqual([12, 12]);
  });

  it('knows a packet that repeats the tuple from elsewhere as another flow (D1)', async () => {
    await openFlow(table, key);
    for (const other of [
      { ...key, zone: host },
      { ...key, zone: client + 1 },
      { ...key, protocol: udp },
      { ...key, fromPort: 2 },
    ]) {
      expect(await table.find(other)).toBeNull();
    }
  });

  it('finds an entry by the places that its README gives', async () => {
    for (let n = 0; n < 20; n++) {
      expect(await table.places(flow(n))).toEqual(placesOf(encodeKey(flow(n), family), 1));
    }
  });

  it('marks every bucket that it uses with its layout', async () => {
    await openFlow(table, key);
    for (const bucket of await table.dump()) expect(bucket.layout).toBe(bucket.entries.length > 0 ? FLOW_LAYOUT : bucket.layout);
    expect((await table.dump()).some(({ layout }) => layout === FLOW_LAYOUT)).toBe(true);
  });

  describe('epochs (D2)', () => {
    it.each([0, 1, 2, 3])('make an entry stale that was decided before any of the four (number %i)', async (which) => {
      await openFlow(table, key, { decided: 10 });
      expect(await table.isCurrent(key, [10, 10, 10, 10])).toBe(true);
      const epochs: [number, number, number, number] = [1, 9, 10, 0];
      epochs[which] = 11;
      expect(await table.isCurrent(key, epochs)).toBe(false);
    });

    it('compare as numbers of 32 bits up to the last', async () => {
      await openFlow(table, key, { decided: 0xffffffff });
      expect(await table.isCurrent(key, [0xffffffff, 0, 0x80000000, 1])).toBe(true);
      await openFlow(table, key, { decided: 1 });
      expect(await table.isCurrent(key, [0xffffffff, 0, 0, 0])).toBe(false);
      expect(await table.isCurrent(key, [0, 0, 0, 0x80000001])).toBe(false);
    });

    it('are those of the newest decision', async () => {
      await openFlow(table, key, { decided: 3, egressOrigin: 1 });
      await openFlow(table, key, { decided: 5, egressOrigin: 2 });
      expect((await table.find(key))?.action).toMatchObject({ decided: 5, origin: 2 });
      expect((await table.find(reply))?.action).toMatchObject({ decided: 5, origin: 2 });
    });
  });

  describe('counts', () => {
    it('the packet in hand in its own direction', async () => {
      await openFlow(table, key, { bytes: 60 });
      expect(await table.find(key)).toMatchObject({ packets: 1, bytes: 60 });
      expect(await table.find(reply)).toMatchObject({ packets: 0, bytes: 0 });
      await openFlow(table, key, { bytes: 40, reply: true });
      expect(await table.find(key)).toMatchObject({ packets: 1, bytes: 60 });
      expect(await table.find(reply)).toMatchObject({ packets: 1, bytes: 40 });
    });

    it('every packet that passes, until they are taken', async () => {
      await openFlow(table, key, { bytes: 60 });
      await table.pass(key, { bytes: 1500 });
      expect(await table.take(key)).toEqual({ packets: 2, bytes: 1560 });
      expect(await table.take(key)).toEqual({ packets: 0, bytes: 0 });
    });

    it('and asks for a harvest when half full, with room for as much again', async () => {
      await openFlow(table, key, { bytes: 0 });
      await table.count(key, 2 ** 23 - 2, 0);
      expect((await table.pass(key))?.accounted).toBe(0);
      expect((await table.pass(key))?.accounted).toBe(2);
      expect((await table.take(key)).packets).toBe(2 ** 23 + 1);
      expect((await table.pass(key))?.accounted).toBe(0);
    });

    it('and tells the first packet of a tick', async () => {
      await openFlow(table, key);
      await table.age(key, 1);
      expect((await table.pass(key))?.accounted).toBe(1);
      expect((await table.pass(key))?.accounted).toBe(0);
    });
  });

  describe('lifetimes', () => {
    it('end a flow after its class says so, and not a tick before', async () => {
      await openFlow(table, key);
      await table.age(key, 235);
      expect(await table.find(key)).not.toBeNull();
      await table.age(key, 1);
      expect(await table.find(key)).toBeNull();
    });

    it('begin again with every packet', async () => {
      await openFlow(table, key);
      await table.age(key, 235);
      await table.pass(key);
      await table.age(key, 235);
      expect(await table.find(key)).not.toBeNull();
    });

    it('are 8000 s for established TCP, 10 s for closing', async () => {
      await establish(table, key);
      await table.age(key, 31250);
      expect(await table.find(key)).not.toBeNull();
      await table.pass(key, { tcpFlags: flags.rst });
      await table.age(key, 40);
      expect(await table.find(key)).not.toBeNull();
      await table.age(key, 1);
      expect(await table.find(key)).toBeNull();
    });

    it('over, an entry is reclaimed by the sweep, which tells its counts', async () => {
      await openFlow(table, key, { bytes: 60 });
      await openFlow(table, flow(2));
      await table.age(key, 236);
      const ended = [];
      for (const index of [0, 1]) {
        for (let result = await table.expire(index); result.what !== 0; result = await table.expire(index)) ended.push(result);
      }
      expect(ended).toMatchObject([{ what: 1, ended: { packets: 1, bytes: 60, key: encodeKey(key, family) } }]);
      expect(await table.entries()).toHaveLength(3);
    });

    it('over, a flow of the same key begins anew and the old one is told', async () => {
      await establish(table, key);
      await table.age(key, 31251);
      const { ended } = await openFlow(table, key, { bytes: 60 });
      expect(ended[0]).toMatchObject({ packets: 2, action: { class: flowClass.FLOW_ESTABLISHED_TCP } });
      expect(await table.find(key)).toMatchObject({ packets: 1, bytes: 60 });
    });
  });

  it('keeps class and counts of a living flow that is decided anew', async () => {
    await establish(table, key);
    const { ended } = await openFlow(table, key, { decided: 9 });
    expect(ended).toEqual([null, null]);
    expect(await table.find(key)).toMatchObject({ packets: 3, action: { class: flowClass.FLOW_ESTABLISHED_TCP, decided: 9 } });
    expect((await table.find(reply))?.action.class).toBe(flowClass.FLOW_ESTABLISHED_TCP);
  });

  it('gives a direction that was forgotten the class of the one that was not', async () => {
    const stream = flow(1, { protocol: udp });
    await establish(table, stream);
    await table.age(stream, 236);
    await openFlow(table, stream);
    expect((await table.find(stream))?.action.class).toBe(flowClass.FLOW_ESTABLISHED);
    expect((await table.find(stream))!.action.flags & flowFlags.FLOW_ANSWERED).toBeTruthy();
  });

  describe('a denied flow', () => {
    const denial = { target: server, reason: 133, egressOrigin: 21, ingressOrigin: 22, decided: 2 };

    it('is remembered with reason and rule, in its own direction only', async () => {
      await table.deny(key, denial);
      expect((await table.find(key))?.action).toMatchObject({ class: flowClass.FLOW_NEGATIVE, rewrite: 133n, origin: 21 });
      expect(await table.find(reply)).toBeNull();
    });

    it('names the rule of the end that denied it', async () => {
      await table.deny(key, { ...denial, flags: flowFlags.FLOW_AT_INGRESS });
      expect((await table.find(key))?.action).toMatchObject({ origin: 22, flags: flowFlags.FLOW_AT_INGRESS });
    });

    it('takes the open reply with it, and tells both ends (D2)', async () => {
      await establish(table, key);
      const { ended } = await table.deny(key, denial);
      expect(ended).toMatchObject([{ packets: 2 }, { packets: 1 }]);
      expect((await table.find(key))?.action.class).toBe(flowClass.FLOW_NEGATIVE);
      expect((await table.find(reply))?.action).toMatchObject({ class: flowClass.FLOW_NEGATIVE, rewrite: 133n });
      expect(table.shares().owners[client]).toEqual({ young: 0, established: 0 });
    });

    it('counts repeats, not the packets that were decided', async () => {
      await table.deny(key, denial);
      expect(await table.find(key)).toMatchObject({ packets: 0, bytes: 0 });
      await table.pass(key, { bytes: 60 });
      expect(await table.deny(key, { ...denial, decided: 3 })).toEqual({ stored: 0, ended: [null, null] });
      expect(await table.find(key)).toMatchObject({ packets: 1, bytes: 60, action: { decided: 3 } });
    });

    it('allowed later begins as a new flow, and its last repeats are told', async () => {
      await table.deny(key, denial);
      await table.pass(key);
      const { ended } = await openFlow(table, key);
      expect(ended[0]).toMatchObject({ packets: 1, action: { class: flowClass.FLOW_NEGATIVE, rewrite: 133n } });
      expect((await table.find(key))?.action.class).toBe(flowClass.FLOW_HALF_OPEN);
    });

    it('quiet for a while, has its last repeats taken by the sweep, once', async () => {
      await table.deny(key, denial);
      await table.pass(key);
      const { home } = await table.places(key);
      expect(await table.expire(home)).toEqual({ what: 0, ended: null });
      await table.age(key, 4);
      expect(await table.expire(home)).toMatchObject({ what: 2, ended: { packets: 1 } });
      expect(await table.expire(home)).toEqual({ what: 0, ended: null });
      expect(await table.find(key)).not.toBeNull();
    });
  });
});
