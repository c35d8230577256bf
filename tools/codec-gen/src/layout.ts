import type { BtfMember, BtfType } from './btf.ts';

/** What a field holds. Sizes in bytes. */
export type FieldType =
  | { readonly kind: 'number'; readonly size: 1 | 2 | 4; readonly signed: boolean; readonly bigEndian: boolean }
  | { readonly kind: 'bigint'; readonly signed: boolean; readonly bigEndian: boolean }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'enum'; readonly name: string; readonly size: 1 | 2 | 4; readonly signed: boolean }
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'array'; readonly element: FieldType; readonly elementSize: number; readonly length: number }
  /** Padding, and what only programs may touch: skipped when reading, zero when written. */
  | { readonly kind: 'opaque' };

export interface Field {
  /** As in C. */
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly type: FieldType;
}

export interface StructLayout {
  readonly name: string;
  readonly size: number;
  readonly fields: readonly Field[];
}

export interface EnumLayout {
  readonly name: string;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}

const padding = /^(pad|reserved)(_|$)/;
const opaqueStructs: ReadonlySet<string> = new Set(['bpf_spin_lock', 'bpf_timer']);

/**
 * The layout of the struct `name`, null when these types have none. Throws Error, naming struct and field, for what has no codec:
 * bit fields, unions, pointers, integers of 16 bytes, and holes, whose bytes neither side would set.
 */
export function structLayout(types: readonly BtfType[], name: string): StructLayout | null {
  const struct = types.find((type) => type.kind === 'struct' && type.name === name);
  if (struct?.kind !== 'struct') return null;
  const fields = struct.members.map((member) => fieldOf(types, name, member));
  let end = 0;
  for (const field of [...fields, { name: 'its end', offset: struct.size, size: 0 }]) {
    if (field.offset !== end) {
      throw new Error(`struct ${name}: a hole of ${field.offset - end} bytes before ${field.name}: make it a field named "pad"`);
    }
    end = field.offset + field.size;
  }
  return { name, size: struct.size, fields };
}

/** The values of the enum `name`, null when these types have none. Throws Error for values that no number holds exactly. */
export function enumLayout(types: readonly BtfType[], name: string): EnumLayout | null {
  const found = types.find((type) => type.kind === 'enum' && type.name === name);
  if (found?.kind !== 'enum') return null;
  const values = found.values.map((entry) => {
    if (!Number.isSafeInteger(Number(entry.value)))
      throw new Error(`enum ${name}: ${entry.name} is ${entry.value}, more than a number holds`);
    return { name: entry.name, value: Number(entry.value) };
  });
  return { name, values };
}

function fieldOf(types: readonly BtfType[], struct: string, member: BtfMember): Field {
  const where = `struct ${struct}, field ${member.name || '(without a name)'}`;
  if (member.bitWidth !== 0 || member.bitOffset % 8 !== 0) throw new Error(`${where}: bit fields have no codec; use flags`);
  const size = sizeOf(types, member.type, where);
  const type: FieldType = padding.test(member.name) ? { kind: 'opaque' } : typeOf(types, member.type, where);
  return { name: member.name, offset: member.bitOffset / 8, size, type };
}

/** What values of a type hold, and their size in bytes. Throws Error, naming `where`, for what has no codec. */
export function valueLayout(types: readonly BtfType[], id: number, where: string): { readonly size: number; readonly type: FieldType } {
  return { size: sizeOf(types, id, where), type: typeOf(types, id, where) };
}

function sizeOf(types: readonly BtfType[], id: number, where: string): number {
  const type = types[id]!;
  switch (type.kind) {
    case 'alias':
      return sizeOf(types, type.type, where);
    case 'array':
      return type.length * sizeOf(types, type.element, where);
    case 'pointer':
      return 8;
    case 'int':
    case 'struct':
    case 'union':
    case 'enum':
      return type.size;
    default:
      throw new Error(`${where}: a type without a size`);
  }
}

/** `bigEndian`: a typedef on the way here was one of `__be16`, `__be32`, `__be64`. */
function typeOf(types: readonly BtfType[], id: number, where: string, bigEndian = false): FieldType {
  const type = types[id]!;
  switch (type.kind) {
    case 'alias':
      return typeOf(types, type.type, where, bigEndian || /^__be(16|32|64)$/.test(type.name));
    case 'int':
      if (type.bool) return { kind: 'boolean' };
      if (type.size === 8) return { kind: 'bigint', signed: type.signed, bigEndian };
      return { kind: 'number', size: wordSize(type.size, where), signed: type.signed, bigEndian };
    case 'enum':
      return { kind: 'enum', name: type.name, size: wordSize(type.size, where), signed: type.values.some(({ value }) => value < 0n) };
    case 'struct':
      return opaqueStructs.has(type.name) ? { kind: 'opaque' } : { kind: 'struct', name: type.name };
    case 'array': {
      const element = typeOf(types, type.element, where, bigEndian);
      if (element.kind === 'number' && element.size === 1 && !element.signed) return { kind: 'bytes', length: type.length };
      return { kind: 'array', element, elementSize: sizeOf(types, type.element, where), length: type.length };
    }
    case 'union':
      throw new Error(`${where}: unions have no codec; read their bytes by offset`);
    case 'pointer':
      throw new Error(`${where}: pointers mean nothing to user space`);
    default:
      throw new Error(`${where}: its type has no codec`);
  }
}

function wordSize(size: number, where: string): 1 | 2 | 4 {
  if (size === 1 || size === 2 || size === 4) return size;
  throw new Error(`${where}: integers of ${size} bytes have no codec`);
}
