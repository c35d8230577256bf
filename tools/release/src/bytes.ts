import type { ReleaseLayout } from './layout.ts';

/** What a member is given: numbers, bytes, members of a struct, elements of an array. */
export type Value = number | bigint | Uint8Array | { readonly [member: string]: Value } | readonly Value[];

/** Bytes of a key or value of the release's map `map`; members that are not named are zero. Throws Error for a member that the release doesn't have, RangeError for what doesn't fit. */
export function encode(layout: ReleaseLayout, map: string, part: 'key' | 'value', value: Value): Buffer {
  const shape = layout.maps[map];
  if (shape === undefined) throw new Error(`release ${layout.version} has no map ${map}`);
  const buffer = Buffer.alloc(part === 'key' ? shape.keySize : shape.valueSize);
  write(layout, shape[part] ?? 'bytes', buffer, value);
  return buffer;
}

function write(layout: ReleaseLayout, type: string, into: Buffer, value: Value): void {
  if (value instanceof Uint8Array) {
    if (value.length > into.length) throw new RangeError(`${value.length} bytes for ${into.length} of ${type}`);
    into.set(value);
  } else if (Array.isArray(value)) {
    const [, element, length] = /^(.*)\[(\d+)\]$/.exec(type)!;
    const size = into.length / Number(length);
    for (const [at, each] of value.entries()) write(layout, element!, into.subarray(at * size, (at + 1) * size), each);
  } else if (typeof value === 'object') {
    writeMembers(layout, type.replace(/^struct /, ''), into, value as Readonly<Record<string, Value>>);
  } else if (type === 'u64') into.writeBigUInt64LE(BigInt(value));
  else if (type.startsWith('be')) into.writeUIntBE(Number(value), 0, into.length);
  else into.writeUIntLE(Number(value), 0, into.length);
}

function writeMembers(layout: ReleaseLayout, struct: string, into: Buffer, values: Readonly<Record<string, Value>>): void {
  for (const [member, value] of Object.entries(values)) {
    const field = layout.structs[struct]?.fields[member];
    if (field === undefined) throw new Error(`struct ${struct} of release ${layout.version} has no member ${member}`);
    write(layout, field.type, into.subarray(field.offset, field.offset + field.size), value);
  }
}
