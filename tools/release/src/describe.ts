import { BpfObject } from '@myelin/bpf-native';
import { layoutDigest, workingMemory } from '@myelin/datapath';
import * as numbers from '@myelin/datapath-layout';
import { type BtfType, type FieldType, mapTypes, parseBtf, type StructLayout, structLayout, valueLayout } from '@myelin/tool-codec-gen';
import type { MapLayout, ReleaseLayout, StructShape } from './layout.ts';

/** Structs that only programs read: their members are none of user space's business, but their size is. */
const opaqueStructs: ReadonlySet<string> = new Set(['sweeper']);

/** Numbers that change nothing of what is there: default sizes of tables that keep theirs, and what has a field of its own. */
const immaterial: ReadonlySet<string> = new Set(['FLOW_BUCKETS_V4', 'FLOW_BUCKETS_V6', 'POLICY_BUCKETS', 'FLOW_LAYOUT']);

/** Reads what these compiled objects declare, and the numbers of this tree. Throws Error for a struct that has no codec, BpfError for what is no object. */
export function describeObjects(version: string, objectFiles: readonly string[]): ReleaseLayout {
  const maps: Record<string, MapLayout> = {};
  const structs: Record<string, StructShape> = {};
  const programs: string[] = [];
  for (const file of objectFiles) {
    const object = BpfObject.open(file);
    try {
      const types = parseBtf(object.btf()!);
      const typed = new Map(mapTypes(types).map((each) => [each.name, each]));
      for (const { name, internal, ...shape } of object.maps()) {
        if (internal || workingMemory.has(name)) continue;
        const { key = null, value = null } = typed.get(name) ?? {};
        const describe = (id: number | null, what: string) =>
          id === null ? null : describeType(types, id, `${what} of map ${name}`, structs);
        maps[name] = { ...shape, key: describe(key, 'key'), value: describe(value, 'value') };
      }
      programs.push(...object.programs().map((program) => program.name));
    } finally {
      object.close();
    }
  }
  return {
    version,
    flowLayout: numbers.FLOW_LAYOUT,
    digest: layoutDigest().toString(16).padStart(16, '0'),
    programs: programs.sort(),
    maps: sorted(maps),
    structs: sorted(structs),
    numbers: sorted(sharedNumbers()),
  };
}

/** Names the type, and notes the structs that it is made of. */
function describeType(types: readonly BtfType[], id: number, where: string, structs: Record<string, StructShape>): string {
  const { size, type } = opaque(types, id) ?? valueLayout(types, id, where);
  noteStructs(types, type, structs);
  return nameOf(type, size);
}

function opaque(types: readonly BtfType[], id: number): { readonly size: number; readonly type: FieldType } | null {
  const type = types[id]!;
  return type.kind === 'struct' && opaqueStructs.has(type.name) ? { size: type.size, type: { kind: 'opaque' } } : null;
}

function noteStructs(types: readonly BtfType[], type: FieldType, structs: Record<string, StructShape>): void {
  if (type.kind === 'array') noteStructs(types, type.element, structs);
  if (type.kind !== 'struct' || structs[type.name] !== undefined) return;
  const layout = structLayout(types, type.name)!;
  structs[type.name] = shapeOf(layout);
  for (const field of layout.fields) noteStructs(types, field.type, structs);
}

function shapeOf({ size, fields }: StructLayout): StructShape {
  return {
    size,
    fields: Object.fromEntries(fields.map(({ name, offset, size, type }) => [name, { offset, size, type: nameOf(type, size) }])),
  };
}

function nameOf(type: FieldType, size: number): string {
  switch (type.kind) {
    case 'number':
      return `${type.bigEndian ? 'be' : type.signed ? 's' : 'u'}${type.size * 8}`;
    case 'bigint':
      return `${type.bigEndian ? 'be' : type.signed ? 's' : 'u'}64`;
    case 'boolean':
      return 'bool';
    case 'enum':
      return `u${type.size * 8}`;
    case 'struct':
      return `struct ${type.name}`;
    case 'array':
      return `${nameOf(type.element, size / type.length)}[${type.length}]`;
    case 'bytes':
    case 'opaque':
      return type.kind;
  }
}

/** All constants and enums that programs and user space share. */
function sharedNumbers(): Record<string, number> {
  const entries = Object.entries(numbers as Readonly<Record<string, unknown>>).flatMap(([name, value]): [string, number][] => {
    if (typeof value === 'number') return immaterial.has(name) ? [] : [[name, value]];
    if (typeof value !== 'object' || value === null || 'read' in value) return [];
    return Object.entries(value).flatMap(([member, number]) =>
      typeof number === 'number' ? [[`${name}.${member}`, number] as [string, number]] : [],
    );
  });
  return Object.fromEntries(entries);
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));
}
