import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BpfMap } from './map.ts';
import type { BpfObject } from './object.ts';
import { RingBuffer, records } from './ring-buffer.ts';
import { loadSample, packet, u32 } from './testing/sample.ts';

const recordSize = 12;
const padded = 8 + 16;

describe('a ring buffer', () => {
  let object: BpfObject;
  let events: BpfMap;
  const open: RingBuffer[] = [];

  async function load(count: number): Promise<void> {
    object = await loadSample((sample) => sample.setVariable('records', u32(count)));
    events = object.map('events');
  }
  async function run(name: string): Promise<number> {
    const program = object.program(name);
    const { returnValue } = await program.testRun({ data: packet() });
    program.close();
    return returnValue;
  }
  function read(buffer: Buffer, onBatch: ConstructorParameters<typeof RingBuffer>[2]): RingBuffer {
    const ring = new RingBuffer(events, buffer, onBatch);
    open.push(ring);
    return ring;
  }
  /** Resolves when `done` says so: the test's time limit is the bound. */
  async function until(done: () => boolean): Promise<void> {
    while (!done()) await sleep(1);
  }

  beforeEach(() => {
    open.length = 0;
  });
  afterEach(() => {
    for (const closable of [...open, events, object]) closable.close();
  });

  it('hands over what programs sent, in order', async () => {
    await load(100);
    const seen: number[] = [];
    read(Buffer.alloc(64 * 1024), (batch) => {
      for (const record of records(batch)) {
        expect(record).toHaveLength(recordSize);
        expect(record.readUInt32LE(8)).toBe(0xfeedbeef);
        seen.push(record.readUInt32LE(0));
      }
    });
    await run('send_records');
    await until(() => seen.length === 100);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, number) => number));
  });

  it('fills at most the buffer in each batch and loses nothing for it', async () => {
    await load(1000);
    const seen: number[] = [];
    const sizes: number[] = [];
    read(Buffer.alloc(padded * 7 + 5), (batch) => {
      sizes.push(batch.count);
      for (const record of records(batch)) seen.push(record.readUInt32LE(0));
    });
    await run('send_records');
    await until(() => seen.length === 1000);
    expect(Math.max(...sizes)).toBe(7);
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, number) => number));
  });

  it('can be drained by hand', async () => {
    await load(3);
    const ring = read(Buffer.alloc(padded * 2), () => {});
    const program = object.program('send_records');
    await program.testRun({ data: packet() });
    const batches = [ring.drain().count, ring.drain().count, ring.drain().count];
    // The event loop may have been quicker; what is drained by hand never exceeds the buffer, and in the end there is nothing.
    expect(Math.max(...batches)).toBeLessThanOrEqual(2);
    expect(ring.drain().count).toBe(0);
    program.close();
  });

  it('counts records that are larger than the buffer', async () => {
    await load(2);
    let seen = 0;
    const ring = read(Buffer.alloc(256), ({ count }) => {
      seen += count;
    });
    await run('send_large_record');
    await run('send_records');
    await until(() => seen === 2);
    expect(ring.oversized).toBe(1);
  });

  it('rests when the ring is empty, and hands over together what came meanwhile', async () => {
    await load(1);
    const sizes: number[] = [];
    open.push(new RingBuffer(events, Buffer.alloc(64 * 1024), ({ count }) => sizes.push(count), 200));
    const sent = 20;
    // Time enough for each to come by itself.
    for (let number = 0; number < sent; number++) {
      await run('send_records');
      await sleep(5);
    }
    const delivered = () => sizes.reduce((sum, size) => sum + size, 0);
    await until(() => delivered() === sent);
    expect(sizes[0]).toBe(1);
    expect(sizes.length).toBeLessThan(sent);
  });

  it('can be closed while it rests', async () => {
    await load(1);
    let batches = 0;
    const ring = new RingBuffer(events, Buffer.alloc(1024), () => batches++, 60_000);
    await run('send_records');
    await until(() => batches === 1);
    ring.close();
    await nextTurn();
    expect(() => ring.drain()).toThrow(/ring buffer is closed/);
  });

  it('can be closed by its own callback', async () => {
    await load(10);
    let batches = 0;
    const ring = read(Buffer.alloc(padded), () => {
      batches++;
      ring.close();
    });
    await run('send_records');
    await until(() => batches > 0);
    await nextTurn();
    expect(batches).toBe(1);
    expect(() => ring.drain()).toThrow(/ring buffer is closed/);
  });

  it('is refused on a map of another type', async () => {
    await load(1);
    const numbers = object.map('numbers');
    expect(() => new RingBuffer(numbers, Buffer.alloc(64), () => {})).toThrow(
      expect.objectContaining({ op: 'ringBuffer.open', code: 'EINVAL' }),
    );
    numbers.close();
  });
});
