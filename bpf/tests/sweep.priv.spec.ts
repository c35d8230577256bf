import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BpfObject, type BpfProgram, RingBuffer, records } from '@myelin/bpf-native';
import { type Event, eventCodec, eventType } from '@myelin/datapath-layout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultsAtRest } from './flow/audit.ts';
import { client, establish, flow, openFlow, server } from './flow/connection.ts';
import { reverseKey } from './flow/flow-keys.ts';
import { FlowTable } from './flow/flow-table.ts';

const objectFile = join(import.meta.dirname, '..', 'build', 'sweep.o');
const buckets = 64;
/** `sweep_turns`: a turn does this part of the table. */
const turns = 16;

describe.each([4, 6] as const)('the sweep of the flow table for IPv%i', (family) => {
  let table: FlowTable;
  let object: BpfObject;
  let ring: RingBuffer;
  let events: Event[];
  const take = ({ count, buffer }: { count: number; buffer: Buffer }) => {
    for (const record of records({ count, buffer })) events.push(eventCodec.read(record));
  };
  const told = () => {
    take(ring.drain());
    return events;
  };
  beforeEach(async () => {
    table = await FlowTable.load({ family, buckets });
    object = BpfObject.open(objectFile);
    table.lendTo(object);
    object.setMaxEntries('events', 65536);
    await object.load();
    events = [];
    ring = new RingBuffer(object.map('events'), Buffer.alloc(65536), take);
  });
  afterEach(async () => {
    ring.close();
    object.close();
    expect(faultsAtRest(await table.dump(), table.shares(), family)).toEqual([]);
    table.close();
  });

  async function run(program: BpfProgram, times = 1): Promise<number> {
    const { returnValue } = await program.testRun({ data: Buffer.alloc(64), repeat: times });
    program.close();
    return returnValue;
  }
  async function openDeadAndAlive(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      await openFlow(table, flow(n), { bytes: 60, egressOrigin: 11, ingressOrigin: 12 });
      if (n % 2 === 1) continue;
      await table.age(flow(n), 236);
      await table.age(reverseKey(flow(n), server), 236);
    }
  }

  it('goes once through the whole table in its turns, takes what is dead and leaves what is alive', async () => {
    await openDeadAndAlive(40);
    await run(object.program('sweep_now'), turns);
    expect(await table.entries()).toHaveLength(40);
    for (let n = 1; n < 40; n += 2) expect(await table.find(flow(n)), `flow ${n}`).not.toBeNull();
  });

  it('does a sixteenth of it in one turn', async () => {
    await openDeadAndAlive(40);
    await run(object.program('sweep_now'));
    expect((await table.entries()).length).toBeGreaterThan(60);
  });

  it('tells a closed flow’s counts, ports and rules', async () => {
    await openDeadAndAlive(1);
    await run(object.program('sweep_now'), turns);
    expect(told()).toMatchObject([
      {
        type: eventType.EVENT_CLOSE,
        family,
        packets: 1n,
        bytes: 60n,
        sourceZone: client,
        destinationZone: server,
        egressOrigin: 11,
        ingressOrigin: 12,
      },
    ]);
  });

  it('tells the last repeats of a denial while it is quiet, once', async () => {
    await table.deny(flow(1), { target: server, reason: 133, egressOrigin: 21 });
    for (let packet = 0; packet < 3; packet++) await table.pass(flow(1), { bytes: 60 });
    await table.age(flow(1), 4);
    await run(object.program('sweep_now'), 2 * turns);
    expect(told()).toMatchObject([{ type: eventType.EVENT_DROP, reason: 133, packets: 3n, bytes: 180n, egressOrigin: 21 }]);
    expect(await table.find(flow(1))).not.toBeNull();
  });

  it('runs by itself once started, also when started again', async () => {
    await establish(table, flow(1000));
    for (let time = 0; time < 2; time++) {
      await openDeadAndAlive(40);
      expect(await run(object.program('sweep_start'))).toBe(0);
      for (let waited = 0; waited < 200 && (await table.entries()).length > 42; waited++) await sleep(50);
      expect(await table.entries()).toHaveLength(42);
    }
  });
});
