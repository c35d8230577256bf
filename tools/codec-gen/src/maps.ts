import type { BtfType } from './btf.ts';

/** Types of a map's keys and values, as indexes; null where its declaration gives only sizes, or neither. */
export interface MapTypes {
  readonly name: string;
  readonly key: number | null;
  readonly value: number | null;
}

/** The maps that an object declares (section `.maps`), in their order. `key` and `value` of a declaration are pointers to the types (libbpf's `__type`). */
export function mapTypes(types: readonly BtfType[]): readonly MapTypes[] {
  const section = types.find((type) => type.kind === 'section' && type.name === '.maps');
  if (section?.kind !== 'section') return [];
  return section.variables.flatMap((id) => {
    const variable = types[id]!;
    if (variable.kind !== 'variable') return [];
    const declaration = types[variable.type]!;
    const member = (name: string) => {
      const found = declaration.kind === 'struct' ? declaration.members.find((each) => each.name === name) : undefined;
      const pointer = found === undefined ? undefined : types[found.type];
      return pointer?.kind === 'pointer' ? pointer.type : null;
    };
    return [{ name: variable.name, key: member('key'), value: member('value') }];
  });
}
