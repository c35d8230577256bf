import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BtfType } from './btf.ts';
import { compileTypes, readTypes } from './compile.ts';
import { emitModule, type LaidOut } from './emit.ts';
import { type Definition, readHeader } from './header.ts';
import { type EnumLayout, enumLayout, structLayout } from './layout.ts';

/** Where headers are read, compiled objects compared and modules written. */
export interface Folders {
  /** Holds `types/*.h`. */
  readonly include: string;
  /** Holds the compiled objects, `*.o`. */
  readonly objects: string;
  /** Holds nothing but what is generated. */
  readonly output: string;
}

const root = join(import.meta.dirname, '..', '..', '..');

/** Those of this project. */
export const projectFolders: Folders = {
  include: join(root, 'bpf', 'include'),
  objects: join(root, 'bpf', 'build'),
  output: join(root, 'libs', 'datapath-layout', 'src', 'gen'),
};

/**
 * Generates the codecs of all structs and enums of `bpf/include/types`. Returns paths relative to the project's root: of the files written, or with
 * `check` of those that are stale, missing or superfluous. With `check` also compares the layouts with those in the BTF of each compiled object.
 * Throws Error, naming struct and field, for what has no codec, does not compile, or differs between header and object.
 */
export async function generateLayouts(
  { check }: { readonly check: boolean },
  folders: Folders = projectFolders,
): Promise<readonly string[]> {
  const headers = readHeaders(folders.include);
  const modules = layOut(folders.include, headers);
  if (check) compareWithObjects(folders.objects, [...modules.values()].flat());
  const files = emitAll(modules);
  const superfluous = globSync('*.ts', { cwd: folders.output }).filter((name) => !files.has(name));
  const stale = [...files].filter(([name, text]) => readIfThere(join(folders.output, name)) !== text).map(([name]) => name);
  if (!check) {
    mkdirSync(folders.output, { recursive: true });
    for (const name of stale) writeFileSync(join(folders.output, name), files.get(name)!);
    for (const name of superfluous) rmSync(join(folders.output, name));
  }
  return [...stale, ...superfluous].map((name) => relative(root, join(folders.output, name)));
}

function readHeaders(include: string): ReadonlyMap<string, readonly Definition[]> {
  const paths = globSync('types/*.h', { cwd: include }).sort();
  return new Map(paths.map((path) => [path, readHeader(path, readFileSync(join(include, path), 'utf8'))]));
}

/** Modules by header (`flow.h`), headers without definitions left out. */
function layOut(include: string, headers: ReadonlyMap<string, readonly Definition[]>): ReadonlyMap<string, readonly LaidOut[]> {
  const definitions = [...headers.values()].flat();
  const types = compileTypes(include, [...headers.keys()], definitions);
  const modules = [...headers].map(
    ([path, own]) => [basename(path), own.map((definition) => laidOut(types, definition, definitions))] as const,
  );
  return new Map(modules.filter(([, items]) => items.length > 0));
}

function laidOut(types: readonly BtfType[], definition: Definition, all: readonly Definition[]): LaidOut {
  if (definition.kind === 'struct') return { kind: 'struct', definition, layout: found(structLayout(types, definition.name), definition) };
  if (definition.name !== '') return { kind: 'enum', definition, layout: found(enumLayout(types, definition.name), definition) };
  const name = `constants_${all.indexOf(definition)}`;
  const { values } = found<EnumLayout>(enumLayout(types, name), definition);
  return {
    kind: 'constants',
    definition,
    layout: { name, values: values.map((entry) => ({ ...entry, name: entry.name.replace('copy_of_', '') })) },
  };
}

function found<T>(layout: T | null, { kind, name }: Definition): T {
  if (layout === null) throw new Error(`${kind} ${name} is not in the BTF that clang wrote`);
  return layout;
}

function compareWithObjects(folder: string, items: readonly LaidOut[]): void {
  const objects = globSync('*.o', { cwd: folder });
  if (objects.length === 0) throw new Error(`no compiled objects in ${relative(root, folder)}: run "make -C bpf"`);
  for (const object of objects) {
    const types = readTypes(join(folder, object));
    for (const { kind, layout } of items) {
      if (kind === 'constants') continue;
      const compiled = kind === 'struct' ? structLayout(types, layout.name) : enumLayout(types, layout.name);
      if (compiled !== null && !isDeepStrictEqual(compiled, layout)) {
        throw new Error(`${object}: ${kind} ${layout.name} is not as in bpf/include/types: run "make -C bpf"`);
      }
    }
  }
}

function emitAll(modules: ReadonlyMap<string, readonly LaidOut[]>): ReadonlyMap<string, string> {
  const fileNames = new Map(
    [...modules].flatMap(([header, items]) => items.map(({ layout }) => [layout.name, moduleName(header)] as const)),
  );
  const fileOf = (name: string) => {
    const file = fileNames.get(name);
    if (file === undefined) throw new Error(`${name} is used by a struct of bpf/include/types but not defined there`);
    return `./${file}`;
  };
  const files = new Map([...modules].map(([header, items]) => [moduleName(header), emitModule(header, items, fileOf)]));
  const exports = [...files.keys()].map((name) => `export * from './${name}';\n`);
  return files.set('index.ts', `// Generated by tools/codec-gen.\n${exports.join('')}`);
}

const moduleName = (header: string) => header.replace(/\.h$/, '.ts').replaceAll('_', '-');

function readIfThere(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}
