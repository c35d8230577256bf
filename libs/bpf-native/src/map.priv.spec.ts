import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mapFlags, mapTypes } from './constants.ts';
import { BpfError } from './error.ts';
import { BpfMap, perCpuSlots, possibleCpus } from './map.ts';
import type { BpfObject } from './object.ts';
import { loadSample, packet, u32, u64 } from './testing/sample.ts';

function hash(maxEntries = 64): BpfMap {
  return BpfMap.create({ type: mapTypes.hash, name: 'numbers', keySize: 4, valueSize: 8, maxEntries });
}

/** Keys 0 … count-1 with values key × 10, end to end. */
function tens(count: number): { keys: Buffer; values: Buffer } {
  const numbers = Array.from({ length: count }, (_, number) => number);
  return { keys: Buffer.concat(numbers.map(u32)), values: Buffer.concat(numbers.map((number) => u64(BigInt(number) * 10n))) };
}

describe('a map', () => {
  let map: BpfMap;
  beforeEach(() => {
    map = hash();
    return () => map.close();
  });

  it('tells its id, by which it can be opened again, and what memory it takes', () => {
    const again = BpfMap.openId(map.info.id);
    expect(again.info).toMatchObject({ name: 'numbers', type: mapTypes.hash, keySize: 4, valueSize: 8, maxEntries: 64 });
    expect(map.memoryBytes()).toBeGreaterThan(64 * 12);
    again.close();
  });

  it('gives back what was written, and null for what was not', () => {
    expect(map.update(u32(1), u64(2n ** 60n))).toBe(true);
    expect(map.lookup(u32(1))?.readBigUInt64LE()).toBe(2n ** 60n);
    expect(map.lookup(u32(2))).toBeNull();
  });

  it('reads into a Buffer of the caller', () => {
    map.update(u32(1), u64(5n));
    const value = Buffer.alloc(8);
    expect(map.lookupInto(u32(1), value)).toBe(true);
    expect(value).toEqual(u64(5n));
    expect(map.lookupInto(u32(2), value)).toBe(false);
  });

  it('writes only new entries, or only existing ones, where asked', () => {
    expect(map.update(u32(1), u64(1n), { when: 'exist' })).toBe(false);
    expect(map.update(u32(1), u64(1n), { when: 'noExist' })).toBe(true);
    expect(map.update(u32(1), u64(2n), { when: 'noExist' })).toBe(false);
    expect(map.lookup(u32(1))).toEqual(u64(1n));
    expect(map.update(u32(1), u64(3n), { when: 'exist' })).toBe(true);
  });

  it('deletes, and tells what was not there', () => {
    map.update(u32(1), u64(1n));
    expect(map.delete(u32(1))).toBe(true);
    expect(map.delete(u32(1))).toBe(false);
  });

  it('lists its keys and entries; the key just seen may be deleted', () => {
    for (let key = 0; key < 20; key++) map.update(u32(key), u64(BigInt(key) * 10n));
    const seen = [...map.entries()].map(([key, value]) => [key.readUInt32LE(), value.readBigUInt64LE()] as const);
    expect(seen.sort(([a], [b]) => a - b)).toEqual(Array.from({ length: 20 }, (_, key) => [key, BigInt(key) * 10n]));
    for (const key of map.keys()) map.delete(key);
    expect([...map.keys()]).toEqual([]);
  });

  it('refuses keys and values of another size', () => {
    expect(() => map.lookup(u64(1n))).toThrow(new RangeError('key (argument 2) has 8 bytes, expected 4'));
    expect(() => map.update(u32(1), u32(1))).toThrow(RangeError);
    expect(() => map.lookup('key' as unknown as Buffer)).toThrow(TypeError);
  });

  it('says when it is full', () => {
    const small = hash(1);
    small.update(u32(1), u64(1n));
    expect(() => small.update(u32(2), u64(1n))).toThrow(
      expect.objectContaining({ op: 'map.update', object: 'numbers', errno: 7, code: 'E2BIG' }),
    );
    small.close();
  });
});

describe('batches', () => {
  it('write and read ten thousand entries off the main thread', async () => {
    const map = hash(10_000);
    const { keys, values } = tens(10_000);
    await map.updateBatch(keys, values);
    const found = new Map<number, bigint>();
    for await (const batch of map.batches({ size: 512 })) {
      for (let i = 0; i < batch.count; i++) found.set(batch.keys.readUInt32LE(i * 4), batch.values.readBigUInt64LE(i * 8));
    }
    expect(found.size).toBe(10_000);
    expect(found.get(9_999)).toBe(99_990n);
    map.close();
  });

  it('grow where one bucket of a hash map holds more entries than fit', async () => {
    const map = hash(1024);
    const { keys, values } = tens(1024);
    map.updateBatchSync(keys, values);
    let count = 0;
    for await (const batch of map.batches({ size: 1 })) count += batch.count;
    expect(count).toBe(1024);
    map.close();
  });

  it('read all of an array at once, by index', () => {
    for (const maxEntries of [1, 5, 5000]) {
      const map = BpfMap.create({ type: mapTypes.array, name: 'numbers', keySize: 4, valueSize: 8, maxEntries });
      const { keys, values } = tens(maxEntries);
      map.updateBatchSync(keys, values);
      expect(map.arrayValues().equals(values)).toBe(true);
      map.close();
    }
  });

  it('refuse to read a map as an array that is none', () => {
    const map = hash();
    map.update(u32(1), u64(5n));
    expect(() => map.arrayValues()).toThrow('numbers has 1 of 64 entries: it is no array');
    map.close();
  });

  it('delete, passing over keys that are not there', async () => {
    const map = hash();
    const { keys, values } = tens(10);
    map.updateBatchSync(keys, values);
    map.delete(u32(0));
    map.delete(u32(4));
    map.delete(u32(9));
    expect(await map.deleteBatch(keys)).toBe(7);
    expect([...map.keys()]).toEqual([]);
    expect(map.deleteBatchSync(keys)).toBe(0);
    map.close();
  });

  it('say at which entry a full map stopped them', async () => {
    const map = hash(4);
    const { keys, values } = tens(10);
    await expect(map.updateBatch(keys, values)).rejects.toThrow(/numbers: E2BIG: .* at entry \d+ of 10/);
    expect([...map.keys()]).toHaveLength(4);
    map.close();
  });

  it('work on longest-prefix-match tries', async () => {
    const map = BpfMap.create({
      type: mapTypes.lpmTrie,
      name: 'prefixes',
      keySize: 8,
      valueSize: 4,
      maxEntries: 16,
      flags: mapFlags.noPreallocation,
    });
    const prefix = (length: number, ...address: number[]) => Buffer.from([length, 0, 0, 0, ...address]);
    map.updateBatchSync(Buffer.concat([prefix(8, 10, 0, 0, 0), prefix(24, 10, 1, 2, 0)]), Buffer.concat([u32(1), u32(2)]));
    expect(map.lookup(prefix(32, 10, 1, 2, 3))).toEqual(u32(2));
    expect(map.lookup(prefix(32, 10, 9, 9, 9))).toEqual(u32(1));
    let count = 0;
    for await (const batch of map.batches()) count += batch.count;
    expect(count).toBe(2);
    map.close();
  });

  it('fall back to single operations where the map type has no batches', async () => {
    // A program array takes single operations only.
    const map = BpfMap.create({ type: mapTypes.programArray, name: 'programs', keySize: 4, valueSize: 4, maxEntries: 4 });
    const object = await loadSample();
    const program = object.program('rewrite');
    await map.updateBatch(Buffer.concat([u32(1), u32(3)]), Buffer.concat([u32(program.fd), u32(program.fd)]));
    const slots: [number, number][] = [];
    for await (const batch of map.batches({ size: 3 })) {
      for (let i = 0; i < batch.count; i++) slots.push([batch.keys.readUInt32LE(i * 4), batch.values.readUInt32LE(i * 4)]);
    }
    expect(slots).toEqual([
      [1, program.info.id],
      [3, program.info.id],
    ]);
    expect(map.deleteBatchSync(Buffer.concat([u32(1), u32(2), u32(3)]))).toBe(2);
    for (const closable of [map, program, object]) closable.close();
  });

  it('refuse Buffers that do not hold whole entries', () => {
    const map = hash();
    expect(() => map.updateBatchSync(Buffer.alloc(6), Buffer.alloc(8))).toThrow(RangeError);
    expect(() => map.updateBatchSync(Buffer.alloc(8), Buffer.alloc(8))).toThrow(RangeError);
    map.close();
  });
});

describe('maps that programs write', () => {
  let object: BpfObject;
  beforeAll(async () => {
    object = await loadSample();
  });
  afterAll(() => object.close());

  it('show the value of each CPU', async () => {
    const program = object.program('count_and_answer');
    await program.testRun({ data: packet(), repeat: 100, cpu: 0 });
    await program.testRun({ data: packet(), repeat: 10, cpu: 1 });
    const map = object.map('runs');
    const value = map.lookup(u32(0));
    expect(value).toHaveLength(8 * possibleCpus());
    const slots = perCpuSlots(value!, map.info.valueSize).map((slot) => slot.readBigUInt64LE());
    expect(slots.slice(0, 2)).toEqual([100n, 10n]);
    map.close();
    program.close();
  });

  it('can be cleared on every CPU at once', () => {
    const map = object.map('runs');
    map.update(u32(0), Buffer.alloc(map.info.userValueSize));
    expect(map.lookup(u32(0))?.every((byte) => byte === 0)).toBe(true);
    map.close();
  });

  it('are read whole under their spin lock while a program writes them', async () => {
    const program = object.program('write_pairs');
    const map = object.map('pairs');
    let writing = true;
    const writer = program.testRun({ data: packet(), repeat: 2000 }).finally(() => {
      writing = false;
    });
    let reads = 0;
    while (writing) {
      for (let i = 0; i < 1000; i++, reads++) {
        const value = map.lookup(u32(0), { lock: true })!;
        expect(value.readUInt32LE(4)).toBe(value.readUInt32LE(8));
      }
      await new Promise(setImmediate);
    }
    await writer;
    expect(reads).toBeGreaterThan(0);
    expect(map.lookup(u32(0), { lock: true })?.readUInt32LE(4)).toBe(2_000_000);
    map.close();
    program.close();
  });

  it('take a value under the lock, leaving the lock alone', () => {
    const map = object.map('pairs');
    expect(map.update(u32(1), Buffer.concat([u32(0), u32(3), u32(3)]), { lock: true })).toBe(true);
    expect(map.lookup(u32(1), { lock: true })?.subarray(4)).toEqual(Buffer.concat([u32(3), u32(3)]));
    map.close();
  });

  it('are not read under a lock that they do not have', () => {
    const map = object.map('numbers');
    map.update(u32(1), u64(1n));
    expect(() => map.lookup(u32(1), { lock: true })).toThrow(BpfError);
    map.close();
  });
});
