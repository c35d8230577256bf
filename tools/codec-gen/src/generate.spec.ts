import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Folders, generateLayouts } from './generate.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const header = `#pragma once
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

enum colour { RED = 1, GREEN = 0x80000000u, };
enum { LIMIT = 7, };

struct point {
	__s16 x;
	__be16 y;
};

struct shape {
	struct bpf_spin_lock lock;
	__be32 address;
	__u64 area;
	__s64 change;
	enum colour colour;
	bool filled;
	__u8 pad[3];
	__u8 name[4];
	__u32 weights[3];
	struct point corners[2];
};
`;

describe('generating codecs', () => {
  let folders: Folders;
  beforeEach(() => {
    const base = mkdtempSync(join(tmpdir(), 'codec-gen-'));
    folders = { include: join(base, 'include'), objects: join(base, 'objects'), output: join(base, 'output', 'gen') };
    mkdirSync(join(folders.include, 'types'), { recursive: true });
    mkdirSync(folders.objects);
    writeHeader(header);
    return () => rmSync(base, { recursive: true });
  });

  const writeHeader = (source: string) => writeFileSync(join(folders.include, 'types', 'shape.h'), source);
  const generated = (name: string) => join(folders.output, name);
  /** Compiles a program that uses `struct shape` and the header as it is now. */
  function compileObject(): void {
    const program = `#include "types/shape.h"\nstruct shape global;\nchar LICENSE[] __attribute__((section("license"), used)) = "GPL";\n`;
    const triplet = execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim();
    const flags = ['-O2', '-g', '-target', 'bpf', `-I${folders.include}`, `-I/usr/include/${triplet}`, '-x', 'c', '-c', '-'];
    execFileSync('clang-16', [...flags, '-o', join(folders.objects, 'shape.bpf.o')], { input: program });
  }
  /** Refusal of a header that holds `struct refused` with this body. */
  const refusal = (body: string) => {
    writeHeader(`#include <linux/types.h>\nstruct refused {\n${body}\n};\n`);
    return expect(generateLayouts({ check: false }, folders)).rejects;
  };

  it('gives codecs that write and read C structs byte for byte', async () => {
    await generateLayouts({ check: false }, folders);
    const { shapeCodec, colour, colourNames, LIMIT } = await import(generated('index.ts'));
    const value = {
      address: 0x0a000001,
      area: 2n ** 63n,
      change: -1n,
      colour: colour.GREEN,
      filled: true,
      name: Uint8Array.from([1, 2, 3, 4]),
      weights: [1, 2, 3],
      corners: [
        { x: -2, y: 80 },
        { x: 1, y: 443 },
      ],
    };
    const bytes: Buffer = shapeCodec.encode(value);
    const expected =
      '00000000 0a000001 0000000000000080 ffffffffffffffff 00000080 01 000000 01020304 01000000 02000000 03000000 feff 0050 0100 01bb';
    expect(bytes.toString('hex')).toBe(expected.replaceAll(' ', ''));
    expect(shapeCodec.read(bytes)).toEqual(value);
    expect(shapeCodec.size).toBe(56);
    expect(shapeCodec.offsets.corners).toBe(48);
    expect([LIMIT, colour.RED, colourNames[0x80000000]]).toEqual([7, 1, 'GREEN']);
  });

  it('writes padding as zero and leaves the rest of the Buffer alone', async () => {
    await generateLayouts({ check: false }, folders);
    const { pointCodec, shapeCodec } = await import(generated('shape.ts'));
    const buffer = Buffer.alloc(12, 0xff);
    pointCodec.write(buffer, { x: 0, y: 0 }, 4);
    expect(buffer.toString('hex')).toBe('ffffffff00000000ffffffff');
    const shape = Buffer.alloc(56, 0xff);
    shapeCodec.write(shape, shapeCodec.read(Buffer.alloc(56)));
    expect(shape.every((byte) => byte === 0)).toBe(true);
  });

  it('refuses arrays of another length and numbers that do not fit', async () => {
    await generateLayouts({ check: false }, folders);
    const { pointCodec, shapeCodec } = await import(generated('shape.ts'));
    const shape = shapeCodec.read(Buffer.alloc(56));
    expect(() => shapeCodec.encode({ ...shape, name: new Uint8Array(3) })).toThrow(new RangeError('name has 3 elements, expected 4'));
    expect(() => shapeCodec.encode({ ...shape, weights: [1] })).toThrow(RangeError);
    expect(() => pointCodec.encode({ x: 40_000, y: 0 })).toThrow(RangeError);
  });

  it('refuses what has no codec, naming struct and field', async () => {
    await refusal('\t__u32 flag : 1;').toThrow('struct refused, field flag: bit fields have no codec');
    await refusal('\tvoid *next;').toThrow('struct refused, field next: pointers');
    await refusal('\t__int128 huge;').toThrow('struct refused, field huge: integers of 16 bytes');
    await refusal('\t__u8 small;\n\t__u32 large;').toThrow('struct refused: a hole of 3 bytes before large');
    await refusal('\t__u32 large;\n\t__u8 small;').toThrow('struct refused: a hole of 3 bytes before its end');
  });

  it('passes on what the compiler says of a header', async () => {
    await refusal('\t__u32 unfinished').toThrow(/expected ';'/);
  });

  it('writes a file only when it changes, and removes what no header asks for', async () => {
    const path = (name: string) => relative(root, generated(name));
    expect(await generateLayouts({ check: false }, folders)).toEqual([path('shape.ts'), path('index.ts')]);
    expect(await generateLayouts({ check: false }, folders)).toEqual([]);
    writeFileSync(generated('old.ts'), '');
    expect(await generateLayouts({ check: false }, folders)).toEqual([path('old.ts')]);
    expect(await generateLayouts({ check: false }, folders)).toEqual([]);
  });

  describe('in check mode', () => {
    it('names stale, missing and superfluous files and changes nothing', async () => {
      compileObject();
      await generateLayouts({ check: false }, folders);
      expect(await generateLayouts({ check: true }, folders)).toEqual([]);
      writeFileSync(generated('shape.ts'), 'stale');
      rmSync(generated('index.ts'));
      writeFileSync(generated('old.ts'), '');
      const names = ['shape.ts', 'index.ts', 'old.ts'].map((name) => relative(root, generated(name)));
      expect(await generateLayouts({ check: true }, folders)).toEqual(names);
      expect(readFileSync(generated('shape.ts'), 'utf8')).toBe('stale');
    });

    it('fails when a compiled object has another layout than the headers', async () => {
      compileObject();
      writeHeader(header.replace('__u64 area', '__s64 area'));
      await expect(generateLayouts({ check: true }, folders)).rejects.toThrow('shape.bpf.o: struct shape is not as in bpf/include/types');
    });

    it('fails when there is no compiled object to compare with', async () => {
      await expect(generateLayouts({ check: true }, folders)).rejects.toThrow(/no compiled objects/);
    });
  });
});
