import { flowClass, flowFlags } from '@myelin/datapath-layout';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { faultsAtRest } from './flow/audit.ts';
import { client, establish, flags, flow, openFlow, server } from './flow/connection.ts';
import { type Key, reverseKey, udp } from './flow/flow-keys.ts';
import { FlowTable } from './flow/flow-table.ts';

const signals = { plain: 0, follow: 1, reopens: 2 } as const;
const { syn, ack, fin, rst } = flags;

describe.each([4, 6] as const)('a TCP connection over IPv%i', (family) => {
  let table: FlowTable;
  const key = flow(1);
  const reply = reverseKey(key, server);
  const classesOf = async (...keys: Key[]) => {
    const seen = [];
    for (const one of keys) seen.push((await table.find(one))?.action.class);
    return seen;
  };
  const signalOf = async (one: Key, tcpFlags: number) => (await table.pass(one, { tcpFlags }))?.signal;
  beforeAll(async () => {
    table = await FlowTable.load({ family });
  });
  afterAll(() => table.close());
  beforeEach(() => table.reset());
  afterEach(async () => {
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
  });

  it('begins half-open with a SYN', async () => {
    await openFlow(table, key);
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_HALF_OPEN, flowClass.FLOW_HALF_OPEN]);
  });

  it('is established in both directions by the acknowledgement of an answer', async () => {
    await openFlow(table, key);
    expect(await signalOf(reply, syn | ack)).toBe(signals.follow);
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_HALF_OPEN, flowClass.FLOW_HALF_OPEN]);
    expect(await signalOf(key, ack)).toBe(signals.follow);
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_ESTABLISHED_TCP, flowClass.FLOW_ESTABLISHED_TCP]);
  });

  it('is not established by the opener alone, nor by a repeated SYN after the answer', async () => {
    await openFlow(table, key);
    expect(await signalOf(key, ack)).toBe(signals.plain);
    await table.pass(reply, { tcpFlags: syn | ack });
    expect(await signalOf(key, syn)).toBe(signals.plain);
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_HALF_OPEN, flowClass.FLOW_HALF_OPEN]);
  });

  it('is not established by a packet that opens and finishes at once', async () => {
    await openFlow(table, key);
    await table.pass(reply, { tcpFlags: syn | ack });
    await table.pass(key, { tcpFlags: syn | fin });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_HALF_OPEN, flowClass.FLOW_HALF_OPEN]);
  });

  it('whose reply’s entry is gone is established without it', async () => {
    await openFlow(table, key);
    await table.pass(reply, { tcpFlags: syn | ack });
    await table.age(reply, 236);
    for (const index of [0, 1]) await table.expire(index);
    await table.pass(key, { tcpFlags: ack });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_ESTABLISHED_TCP, undefined]);
    expect(table.shares().owners[client]).toEqual({ young: 0, established: 1 });
  });

  it('needs no attention while it goes on', async () => {
    await establish(table, key);
    for (const one of [key, reply, key]) expect(await signalOf(one, ack)).toBe(signals.plain);
    expect(await signalOf(reply, syn | ack)).toBe(signals.plain);
  });

  it('is closing after a reset of either end', async () => {
    for (const end of [key, reply]) {
      await establish(table, key);
      expect(await signalOf(end, rst)).toBe(signals.follow);
      expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_CLOSING, flowClass.FLOW_CLOSING]);
      await openFlow(table, key);
    }
  });

  it('refused at once is closing', async () => {
    await openFlow(table, key);
    await table.pass(reply, { tcpFlags: rst | ack });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_CLOSING, flowClass.FLOW_CLOSING]);
  });

  it('closed by one end stays established for the other', async () => {
    await establish(table, key);
    await table.pass(key, { tcpFlags: fin | ack });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_ESTABLISHED_TCP, flowClass.FLOW_ESTABLISHED_TCP]);
    expect(await signalOf(key, fin | ack)).toBe(signals.plain);
    expect(await signalOf(reply, ack)).toBe(signals.plain);
  });

  it('finished by both ends is closing, and its last packets pass', async () => {
    await establish(table, key);
    await table.pass(key, { tcpFlags: fin | ack });
    await table.pass(reply, { tcpFlags: fin | ack });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_CLOSING, flowClass.FLOW_CLOSING]);
    expect(await signalOf(key, ack)).toBe(signals.plain);
    expect(await signalOf(reply, fin | ack)).toBe(signals.plain);
  });

  it('established or closing, sends a bare SYN to the slow path, without counting it', async () => {
    await establish(table, key);
    const before = await table.find(key);
    expect(await signalOf(key, syn)).toBe(signals.reopens);
    expect(await table.find(key)).toEqual(before);
    await table.pass(key, { tcpFlags: rst });
    expect(await signalOf(key, syn)).toBe(signals.reopens);
    expect(await signalOf(reply, syn)).toBe(signals.reopens);
  });

  it('closing, is opened anew by the slow path; the old one is told in both directions', async () => {
    await establish(table, key);
    await table.pass(key, { tcpFlags: rst });
    const { stored, ended } = await openFlow(table, key);
    expect(stored).toBe(0);
    expect(ended).toMatchObject([{ packets: 3 }, { packets: 1 }]);
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_HALF_OPEN, flowClass.FLOW_HALF_OPEN]);
    expect((await table.find(key))!.action.flags & flowFlags.FLOW_ANSWERED).toBe(0);
    expect(await table.find(key)).toMatchObject({ packets: 1 });
  });

  it('opened by the other end on the same ports is a new connection the other way round', async () => {
    await establish(table, key);
    const { ended } = await openFlow(table, reply, { target: client });
    expect(ended).toMatchObject([{ packets: 1 }, { packets: 2 }]);
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_HALF_OPEN, flowClass.FLOW_HALF_OPEN]);
    expect((await table.find(reply))!.action.flags & flowFlags.FLOW_REPLY).toBe(0);
    expect((await table.find(key))!.action.flags & flowFlags.FLOW_REPLY).toBeTruthy();
  });

  it('met midway is one-way until both ends have been seen', async () => {
    await openFlow(table, key, { tcpFlags: ack });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_ONE_WAY, flowClass.FLOW_ONE_WAY]);
    await table.pass(reply, { tcpFlags: ack });
    await table.pass(key, { tcpFlags: ack });
    expect(await classesOf(key, reply)).toEqual([flowClass.FLOW_ESTABLISHED_TCP, flowClass.FLOW_ESTABLISHED_TCP]);
  });

  it('whose reply is forgotten closes without it', async () => {
    await establish(table, key);
    await table.age(reply, 31251);
    await table.expire((await table.places(reply)).home);
    await table.expire((await table.places(reply)).second);
    await table.pass(key, { tcpFlags: rst });
    expect(await classesOf(key)).toEqual([flowClass.FLOW_CLOSING]);
    expect(await table.entries()).toHaveLength(1);
  });

  it('denied needs no attention whatever its packets say', async () => {
    await table.deny(key, { target: server, reason: 133 });
    for (const tcpFlags of [syn, ack, fin | ack, rst]) expect(await signalOf(key, tcpFlags)).toBe(signals.plain);
    expect(await classesOf(key)).toEqual([flowClass.FLOW_NEGATIVE]);
  });
});

describe.each([4, 6] as const)('a UDP flow over IPv%i', (family) => {
  let table: FlowTable;
  const key = flow(1, { protocol: udp });
  const reply = reverseKey(key, server);
  beforeAll(async () => {
    table = await FlowTable.load({ family });
  });
  afterAll(() => table.close());
  beforeEach(() => table.reset());
  afterEach(async () => {
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
  });

  it('is one-way until its opener speaks again after an answer', async () => {
    await openFlow(table, key);
    await table.pass(key);
    expect((await table.find(key))?.action.class).toBe(flowClass.FLOW_ONE_WAY);
    expect((await table.pass(reply))?.signal).toBe(signals.follow);
    expect((await table.pass(reply))?.signal).toBe(signals.plain);
    expect((await table.find(key))?.action.class).toBe(flowClass.FLOW_ONE_WAY);
    expect((await table.pass(key))?.signal).toBe(signals.follow);
    expect((await table.find(key))?.action.class).toBe(flowClass.FLOW_ESTABLISHED);
    expect((await table.find(reply))?.action.class).toBe(flowClass.FLOW_ESTABLISHED);
  });

  it('established, still ends after a minute of silence', async () => {
    await establish(table, key);
    await table.age(key, 236);
    expect(await table.find(key)).toBeNull();
    expect(await table.find(reply)).not.toBeNull();
  });
});
