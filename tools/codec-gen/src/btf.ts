/**
 * BPF Type Format, the debug information that clang puts into BPF objects: raw bytes to a list of types.
 * Format: Documentation/bpf/btf.rst of the kernel.
 */

/** A member of a struct or union. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** Width of a bit field, 0 for ordinary members. */
  readonly bitWidth: number;
}

/** A type, addressed by its index; index 0 is void. Kinds that no layout needs are `other`. */
export type BtfType =
  | { readonly kind: 'void' }
  | { readonly kind: 'int'; readonly name: string; readonly size: number; readonly signed: boolean; readonly bool: boolean }
  | { readonly kind: 'pointer'; readonly type: number }
  | { readonly kind: 'variable'; readonly name: string; readonly type: number }
  | { readonly kind: 'section'; readonly name: string; readonly variables: readonly number[] }
  | { readonly kind: 'array'; readonly element: number; readonly length: number }
  | { readonly kind: 'struct' | 'union'; readonly name: string; readonly size: number; readonly members: readonly BtfMember[] }
  | { readonly kind: 'enum'; readonly name: string; readonly size: number; readonly values: readonly { name: string; value: bigint }[] }
  | { readonly kind: 'alias'; readonly name: string; readonly type: number }
  | { readonly kind: 'other'; readonly name: string };

const magic = 0xeb9f;
const kinds = [
  'void',
  'int',
  'pointer',
  'array',
  'struct',
  'union',
  'enum',
  'forward',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'function',
  'prototype',
  'variable',
  'section',
  'float',
  'declarationTag',
  'typeTag',
  'enum64',
] as const;

/** Parses little-endian BTF, header and all. Throws Error on anything malformed or of a newer kind. */
export function parseBtf(btf: Buffer): readonly BtfType[] {
  if (btf.readUInt16LE(0) !== magic) throw new Error('not BTF of a little-endian object');
  const headerLength = btf.readUInt32LE(4);
  const typesAt = headerLength + btf.readUInt32LE(8);
  const stringsAt = headerLength + btf.readUInt32LE(16);
  const cursor = { at: typesAt, end: typesAt + btf.readUInt32LE(12) };
  const nameAt = (offset: number) => btf.toString('utf8', stringsAt + offset, btf.indexOf(0, stringsAt + offset));
  const types: BtfType[] = [{ kind: 'void' }];
  while (cursor.at < cursor.end) types.push(readType(btf, cursor, nameAt));
  return types;
}

function readType(btf: Buffer, cursor: { at: number }, nameAt: (offset: number) => string): BtfType {
  const take = () => {
    cursor.at += 4;
    return btf.readUInt32LE(cursor.at - 4);
  };
  const name = nameAt(take());
  const info = take();
  const sizeOrType = take();
  const count = info & 0xffff;
  const flag = info >>> 31 === 1;
  const kind = kinds[(info >>> 24) & 0x1f];
  const each = <T>(read: () => T) => Array.from({ length: count }, read);
  switch (kind) {
    case 'int': {
      const encoding = (take() >>> 24) & 0xf;
      return { kind, name, size: sizeOrType, signed: (encoding & 1) !== 0, bool: (encoding & 4) !== 0 };
    }
    case 'array': {
      const element = take();
      take(); // type of the index
      return { kind, element, length: take() };
    }
    case 'struct':
    case 'union':
      return { kind, name, size: sizeOrType, members: each(() => readMember(nameAt(take()), take(), take(), flag)) };
    case 'enum':
      return { kind, name, size: sizeOrType, values: each(() => ({ name: nameAt(take()), value: enumValue(take(), flag) })) };
    case 'enum64':
      return {
        kind: 'enum',
        name,
        size: sizeOrType,
        values: each(() => ({ name: nameAt(take()), value: enum64Value(take(), take(), flag) })),
      };
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'typeTag':
      return { kind: 'alias', name: kind === 'typedef' ? name : '', type: sizeOrType };
    case 'pointer':
      return { kind, type: sizeOrType };
    case 'prototype':
      each(() => [take(), take()]);
      return { kind: 'other', name };
    case 'section':
      return { kind, name, variables: each(() => [take(), take(), take()][0]!) };
    case 'variable':
      take(); // linkage
      return { kind, name, type: sizeOrType };
    case 'declarationTag':
      take();
      return { kind: 'other', name };
    case 'forward':
    case 'function':
    case 'float':
      return { kind: 'other', name };
    default:
      throw new Error(`BTF kind ${(info >>> 24) & 0x1f} is not known`);
  }
}

/** `flag`: the struct has bit fields, and offsets carry their widths. */
function readMember(name: string, type: number, offset: number, flag: boolean): BtfMember {
  return flag ? { name, type, bitOffset: offset & 0xffffff, bitWidth: offset >>> 24 } : { name, type, bitOffset: offset, bitWidth: 0 };
}

function enumValue(raw: number, signed: boolean): bigint {
  return BigInt(signed ? raw | 0 : raw);
}

function enum64Value(low: number, high: number, signed: boolean): bigint {
  const raw = (BigInt(high) << 32n) | BigInt(low);
  return signed ? BigInt.asIntN(64, raw) : raw;
}
