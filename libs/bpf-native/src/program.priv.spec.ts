import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitForReaders } from './map.ts';
import type { BpfObject } from './object.ts';
import { BpfProgram } from './program.ts';
import { loadSample, packet, u32 } from './testing/sample.ts';

const skbSize = 192;
const skbMark = 8;

describe('a program', () => {
  let object: BpfObject;
  beforeAll(async () => {
    object = await loadSample();
  });
  afterAll(() => object.close());

  it('tells its id, size and what the verifier had to do', () => {
    const program = object.program('rewrite');
    expect(program.info).toMatchObject({ name: 'rewrite', type: 3 });
    expect(program.info.tag).toMatch(/^[0-9a-f]{16}$/);
    for (const count of [program.info.id, program.info.instructions, program.info.jitedBytes, program.info.verifiedInstructions]) {
      expect(count).toBeGreaterThan(0);
    }
    program.close();
  });

  it('is found by its id, and leads to the maps that it uses', () => {
    const program = object.program('linger');
    const same = BpfProgram.openId(program.info.id);
    expect(same.info).toMatchObject({ id: program.info.id, tag: program.info.tag });
    expect(same.info.mapIds).toContain(object.map('numbers').info.id);
    expect(() => BpfProgram.openId(0x7fffffff)).toThrow(expect.objectContaining({ op: 'program.openId', code: 'ENOENT' }));
    same.close();
    program.close();
  });

  it('runs on a packet and its context, and shows both afterwards', async () => {
    const program = object.program('rewrite');
    const context = Buffer.alloc(skbSize);
    context.writeUInt32LE(41, skbMark);
    const data = packet();
    const result = await program.testRun({ data, context });
    expect(result.returnValue).toBe(7);
    expect(result.data).toHaveLength(64);
    expect(result.data[0]).toBe(0xab);
    expect(data[0]).toBe(0);
    expect(result.context.readUInt32LE(skbMark)).toBe(42);
    program.close();
  });

  it('runs as often as asked and tells the mean time', async () => {
    const program = object.program('rewrite');
    const result = await program.testRun({ data: packet(), context: Buffer.alloc(skbSize), repeat: 1000 });
    expect(result.context.readUInt32LE(skbMark)).toBe(1000);
    expect(result.durationNs).toBeGreaterThan(0);
    program.close();
  });

  it('runs without a packet where its type has none', async () => {
    const program = object.program('double_first');
    const result = await program.testRun({ context: u32(21) });
    expect(result.context).toEqual(u32(42));
    expect(result.data).toHaveLength(0);
    program.close();
  });

  it('runs on two CPUs at once, without holding up the main thread', async () => {
    const program = object.program('count_and_answer');
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await Promise.all([0, 1].map((cpu) => program.testRun({ data: packet(), repeat: 2_000_000, cpu })));
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
    program.close();
  });

  it('is waited for by those who take away what it may read', async () => {
    const program = object.program('linger');
    const progress = object.map('numbers');
    const running = program.testRun({ data: packet() });
    while (progress.lookup(u32(1)) === null) await new Promise(setImmediate);
    await waitForReaders();
    expect(progress.lookup(u32(2))).not.toBeNull();
    await running;
    progress.close();
    program.close();
  });

  it('refuses what cannot be run', async () => {
    const program = object.program('rewrite');
    await expect(program.testRun({ data: Buffer.alloc(4) })).rejects.toThrow(
      expect.objectContaining({ op: 'program.testRun', code: 'EINVAL' }),
    );
    await expect(program.testRun({ data: packet(), cpu: 1000 })).rejects.toThrow(/cpu 1000/);
    program.close();
  });
});
