import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mapTypes, programTypes } from './constants.ts';
import { BpfError } from './error.ts';
import { BpfMap } from './map.ts';
import { BpfObject } from './object.ts';
import { BpfProgram } from './program.ts';
import { loadSample, openSample, PinFolder, packet, testObject, u32, u64 } from './testing/sample.ts';

describe('an opened object', () => {
  it('tells its maps, with types and sizes', () => {
    const object = openSample();
    expect(object.maps()).toContainEqual({
      name: 'numbers',
      type: mapTypes.hash,
      keySize: 4,
      valueSize: 8,
      maxEntries: 64,
      flags: 0,
      internal: false,
    });
    expect(object.maps().map(({ name, internal }) => [name, internal])).toContainEqual(['sample.rodata', true]);
    object.close();
  });

  it('tells its programs, with section and type', () => {
    const object = openSample();
    expect(object.programs()).toContainEqual({
      name: 'count_and_answer',
      section: 'tc',
      type: programTypes.schedCls,
      attachType: 0,
      autoload: true,
    });
    expect(object.programs().find(({ name }) => name === 'double_first')?.type).toBe(programTypes.syscall);
    object.close();
  });

  it('tells its global variables and where they lie', () => {
    const object = openSample();
    expect(object.variables()).toContainEqual({ name: 'answer', map: 'sample.rodata', offset: expect.any(Number), size: 4 });
    expect(object.variables()).toContainEqual({ name: 'packets', map: 'sample.bss', offset: 0, size: 8 });
    object.close();
  });

  it('hands out its BTF', () => {
    const object = openSample();
    expect(object.btf()?.readUInt16LE(0)).toBe(0xeb9f);
    object.close();
  });

  it('can be read from bytes as well as from a path', () => {
    const object = BpfObject.open(readFileSync(testObject('sample')), 'bytes');
    expect(object.maps().map(({ name }) => name)).toContain('bytes.rodata');
    object.close();
  });

  it('fails to open what is not an object, or not there', () => {
    expect(() => BpfObject.open(Buffer.from('not an ELF file'), 'nonsense')).toThrow(BpfError);
    expect(() => BpfObject.open('/nowhere/x.bpf.o')).toThrow(expect.objectContaining({ code: 'ENOENT', op: 'object.open', object: 'x' }));
  });
});

describe('loading', () => {
  it('gives constants the values set before', async () => {
    const object = await loadSample((sample) => sample.setVariable('answer', u32(42)));
    const program = object.program('count_and_answer');
    expect((await program.testRun({ data: packet() })).returnValue).toBe(42);
    program.close();
    object.close();
  });

  it('refuses a constant that is not there or of another size, and any once loaded', async () => {
    const object = openSample();
    expect(() => object.setVariable('question', u32(1))).toThrow(/has no global variable question/);
    expect(() => object.setVariable('answer', u64(1n))).toThrow(RangeError);
    await object.load();
    expect(() => object.setVariable('answer', u32(1))).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    object.close();
  });

  it('makes maps as large as asked', async () => {
    const object = await loadSample((sample) => sample.setMaxEntries('numbers', 1000));
    const map = object.map('numbers');
    expect(map.info.maxEntries).toBe(1000);
    map.close();
    object.close();
  });

  it('leaves out programs that are switched off', async () => {
    const object = await loadSample((sample) => sample.setAutoload('rewrite', false));
    expect(() => object.program('rewrite')).toThrow(/rewrite: ENOENT: was not loaded/);
    object.program('send_records').close();
    object.close();
  });

  it('takes a program for the type that is set', async () => {
    const object = BpfObject.open(testObject('refused'));
    object.setProgramType('read_blindly', programTypes.socketFilter);
    expect(object.programs()[0]?.type).toBe(programTypes.socketFilter);
    object.close();
  });

  it('fails with the line that the verifier stopped at, and its whole log', async () => {
    const object = BpfObject.open(testObject('refused'));
    const error = await object.load().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(BpfError);
    expect(error).toMatchObject({ op: 'object.load', object: 'refused', code: 'EACCES' });
    expect((error as BpfError).message).toBe('object.load refused: EACCES: R1 offset is outside of the packet');
    expect((error as BpfError).verifierLog).toMatch(/^0: .*processed \d+ insns/s);
    object.close();
  });

  it('refuses other calls while it is under way, and survives being closed', async () => {
    const object = openSample();
    const loading = object.load();
    expect(() => object.maps()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    object.close();
    await loading;
  });
});

describe('pins', () => {
  it('keep maps and programs for the next process', async () => {
    using pins = new PinFolder();
    const object = await loadSample((sample) => sample.setVariable('answer', u32(5)));
    object.map('numbers').update(u32(1), u64(11n));
    object.map('numbers').pin(pins.pin('numbers'));
    object.program('count_and_answer').pin(pins.pin('program'));
    object.close();

    const map = BpfMap.openPinned(pins.pin('numbers'));
    expect(map.lookup(u32(1))).toEqual(u64(11n));
    const program = BpfProgram.openPinned(pins.pin('program'));
    expect((await program.testRun({ data: packet() })).returnValue).toBe(5);
    map.close();
    program.close();
  });

  it('are told apart: a program is no map', async () => {
    using pins = new PinFolder();
    const object = await loadSample();
    object.program('rewrite').pin(pins.pin('program'));
    object.close();
    expect(() => BpfMap.openPinned(pins.pin('program'))).toThrow(/expected bpf-map/);
    expect(() => BpfMap.openPinned(pins.pin('nothing'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('can be reused by another object, which then shares the map', async () => {
    const first = await loadSample();
    const numbers = first.map('numbers');
    const second = await loadSample((sample) => sample.reuseMap('numbers', numbers));
    const shared = second.map('numbers');
    expect(shared.info.id).toBe(numbers.info.id);
    for (const closable of [numbers, shared, first, second]) closable.close();
  });

  it('are not reused by a map of another shape, and the error says what differs', () => {
    const object = openSample();
    const other = BpfMap.create({ type: mapTypes.hash, name: 'other', keySize: 4, valueSize: 16, maxEntries: 32 });
    expect(() => object.reuseMap('numbers', other)).toThrow(
      'object.reuseMap numbers: EINVAL: the existing map has valueSize 16 instead of 8, maxEntries 32 instead of 64',
    );
    other.close();
    object.close();
  });
});
