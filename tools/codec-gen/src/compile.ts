import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfObject } from '@myelin/bpf-native';
import { type BtfType, parseBtf } from './btf.ts';
import type { Definition } from './header.ts';

/**
 * Compiles headers as the BPF programs are compiled (bpf/Makefile), with one global variable for each definition: clang puts only what is used into
 * BTF. Enums without a name come back as `constants_<n>`, n being their place in `definitions`. Throws Error with what clang says.
 */
export function compileTypes(includeFolder: string, headers: readonly string[], definitions: readonly Definition[]): readonly BtfType[] {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-codec-gen-'));
  try {
    const source = join(folder, 'types.bpf.c');
    const object = join(folder, 'types.bpf.o');
    writeFileSync(source, [...headers.map((header) => `#include "${header}"`), ...definitions.map(variable), ''].join('\n'));
    const triplet = execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim();
    const flags = ['-O2', '-g', '-Wall', '-Werror', '-target', 'bpf', '-mcpu=v3', `-I${includeFolder}`, `-I/usr/include/${triplet}`];
    execFileSync(process.env.CLANG ?? 'clang-16', [...flags, '-c', source, '-o', object], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    return readTypes(object);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The types of a compiled object. Throws Error when it was compiled without `-g`, BpfError when it is none. */
export function readTypes(path: string): readonly BtfType[] {
  const object = BpfObject.open(path);
  try {
    const btf = object.btf();
    if (btf === null) throw new Error(`${path} has no BTF: compile it with -g`);
    return parseBtf(btf);
  } finally {
    object.close();
  }
}

function variable({ kind, name, enumerators }: Definition, index: number): string {
  if (name !== '') return `${kind} ${name} variable_${index};`;
  const copies = enumerators.map((enumerator) => `copy_of_${enumerator} = ${enumerator}`);
  return `enum constants_${index} { ${copies.join(', ')} } variable_${index};`;
}
