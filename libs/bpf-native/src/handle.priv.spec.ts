import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { mapTypes } from './constants.ts';
import { BpfMap } from './map.ts';
import { native } from './native.ts';
import { RingBuffer } from './ring-buffer.ts';
import { loadSample, openSample, packet, testObject, u32 } from './testing/sample.ts';

const index = new URL('./index.ts', import.meta.url).href;
const descriptors = () => readdirSync('/proc/self/fd').length;
const numbers = { type: mapTypes.hash, name: 'numbers', keySize: 4, valueSize: 8, maxEntries: 4 } as const;

/** Collects garbage until `done`, or fails with the test's time limit. */
async function collectUntil(done: () => boolean): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  while (!done()) {
    collect();
    await new Promise(setImmediate);
  }
}

describe('handles', () => {
  it('may be closed twice and not be used afterwards', async () => {
    const object = await loadSample();
    const map = object.map('numbers');
    const program = object.program('rewrite');
    for (const closable of [map, program, object, map, program, object]) closable.close();
    expect(() => map.lookup(u32(1))).toThrow(expect.objectContaining({ code: 'EBADF', op: 'map.lookup', object: 'numbers' }));
    expect(() => program.info).toThrow('program.info rewrite: EBADF: program is closed');
    expect(() => object.map('numbers')).toThrow(/object is closed/);
    await expect(program.testRun({ data: packet() })).rejects.toThrow(/program is closed/);
  });

  it('are not taken for one another', () => {
    const object = openSample();
    expect(() => native.mapInfo(object as never)).toThrow(new TypeError('expected the handle of a map'));
    const map = BpfMap.create(numbers);
    expect(() => native.programInfo(map.handle as never)).toThrow(new TypeError('expected the handle of a program'));
    map.close();
    object.close();
  });

  it('may be closed while work on them is under way', async () => {
    const object = await loadSample();
    const program = object.program('count_and_answer');
    const run = program.testRun({ data: packet(), repeat: 100_000 });
    program.close();
    object.close();
    expect((await run).returnValue).toBe(1);
  });

  it('leave no descriptor behind when closed', async () => {
    const before = descriptors();
    for (let round = 0; round < 20; round++) {
      const object = await loadSample();
      const map = object.map('events');
      const ring = new RingBuffer(map, Buffer.alloc(64), () => {});
      for (const closable of [ring, map, object]) closable.close();
      await new Promise(setImmediate);
    }
    expect(descriptors()).toBe(before);
  });

  it('leave none behind when forgotten', async () => {
    const before = descriptors();
    for (let round = 0; round < 100; round++) BpfMap.create(numbers);
    openSample();
    expect(descriptors()).toBeGreaterThan(before);
    await collectUntil(() => descriptors() <= before);
  });

  it('leave none behind when loading or opening fails', async () => {
    const before = descriptors();
    for (let round = 0; round < 20; round++) {
      expect(() => BpfMap.openPinned('/nowhere')).toThrow();
      expect(() => BpfMap.create({ ...numbers, keySize: 0 })).toThrow();
      const worthless = openSample();
      worthless.setMaxEntries('numbers', 0);
      await expect(worthless.load()).rejects.toThrow(/numbers/);
      worthless.close();
    }
    expect(descriptors()).toBe(before);
  });

  it('do not grow memory with use', () => {
    const map = BpfMap.create(numbers);
    const value = Buffer.alloc(8);
    map.update(u32(1), value);
    const key = u32(1);
    const use = () => {
      for (let i = 0; i < 200_000; i++) map.lookupInto(key, value);
    };
    use();
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 5; round++) use();
    // A leak of 32 bytes a call would be 32 MB.
    expect(process.memoryUsage.rss() - before).toBeLessThan(16 * 1024 * 1024);
    map.close();
  });

  it('end with the worker thread that held them', async () => {
    const before = descriptors();
    const script = `(async () => {
      const { BpfMap, BpfObject, RingBuffer } = await import(${JSON.stringify(index)});
      const object = BpfObject.open(${JSON.stringify(testObject('sample'))});
      await object.load();
      globalThis.kept = [object, object.map('numbers'), new RingBuffer(object.map('events'), Buffer.alloc(64), () => {})];
      require('node:worker_threads').parentPort.postMessage('open');
    })()`;
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(script, { eval: true });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
    expect(descriptors()).toBeLessThanOrEqual(before);
  });

  it('let a worker thread end while its work is under way', async () => {
    const before = descriptors();
    const script = `(async () => {
      const { BpfObject } = await import(${JSON.stringify(index)});
      const object = BpfObject.open(${JSON.stringify(testObject('sample'))});
      await object.load();
      const program = object.program('count_and_answer');
      for (let run = 0; run < 3; run++) program.testRun({ data: Buffer.alloc(64), repeat: 1_000_000 });
      require('node:worker_threads').parentPort.postMessage('running');
    })()`;
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(script, { eval: true });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
    expect(descriptors()).toBeLessThanOrEqual(before);
  });
});
