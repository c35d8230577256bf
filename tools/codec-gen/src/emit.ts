import type { Definition } from './header.ts';
import type { EnumLayout, Field, FieldType, StructLayout } from './layout.ts';

/** A definition with the layout that the compiler gave it. `constants` are those of an enum without a name. */
export type LaidOut =
  | { readonly kind: 'struct'; readonly definition: Definition; readonly layout: StructLayout }
  | { readonly kind: 'enum' | 'constants'; readonly definition: Definition; readonly layout: EnumLayout };

/** The TypeScript module of one header. `fileOf` tells in which module (`./x.ts`) the codec of a struct or an enum's type lies. */
export function emitModule(header: string, items: readonly LaidOut[], fileOf: (name: string) => string): string {
  const own = new Set(items.map(({ layout }) => layout.name));
  const imports = new Map<string, Set<string>>();
  for (const item of items) {
    if (item.kind !== 'struct') continue;
    for (const { type } of item.layout.fields) {
      const leaf = leafOf(type);
      if (!('name' in leaf) || own.has(leaf.name)) continue;
      const file = fileOf(leaf.name);
      const names = imports.get(file) ?? imports.set(file, new Set()).get(file)!;
      names.add(`type ${pascal(leaf.name)}`);
      if (leaf.kind === 'struct') names.add(`${camel(leaf.name)}Codec`);
    }
  }
  const needsCodec = items.some(({ kind }) => kind === 'struct');
  return [
    `// Generated from bpf/include/types/${header} by tools/codec-gen: change the header, then "npm run generate".`,
    ...(needsCodec ? ["import type { Codec } from '../codec.ts';"] : []),
    ...[...imports]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([file, names]) => `import { ${[...names].sort().join(', ')} } from '${file}';`),
    ...items.map((item) => `\n${emitItem(item)}`),
    '',
  ].join('\n');
}

function emitItem(item: LaidOut): string {
  switch (item.kind) {
    case 'struct':
      return emitStruct(item.definition, item.layout);
    case 'enum':
      return emitEnum(item.definition, item.layout);
    case 'constants':
      return item.layout.values
        .map(({ name, value }) => `${doc([item.definition.comments.get(name) ?? item.definition.comment])}export const ${name} = ${value};`)
        .join('\n');
  }
}

function emitEnum({ comments, comment }: Definition, { name, values }: EnumLayout): string {
  const table = camel(name);
  const members = values.map((entry) => `${doc([comments.get(entry.name)], '  ')}  ${entry.name}: ${entry.value},`);
  const names = [...new Map(values.toReversed().map((entry) => [entry.value, entry.name]))].toReversed();
  return [
    `${doc([`\`enum ${name}\`.`, comment])}export const ${table} = {`,
    ...members,
    '} as const;',
    `export type ${pascal(name)} = (typeof ${table})[keyof typeof ${table}];`,
    `/** Names by value. */`,
    `export const ${table}Names: Readonly<Record<number, keyof typeof ${table}>> = {`,
    ...names.map(([value, key]) => `  ${value < 0 ? `'${value}'` : value}: '${key}',`),
    '};',
  ].join('\n');
}

function emitStruct({ comments, comment }: Definition, { name, size, fields }: StructLayout): string {
  const type = pascal(name);
  const codec = `${camel(name)}Codec`;
  const visible = fields.filter(({ type: { kind } }) => kind !== 'opaque');
  return [
    `${doc([`\`struct ${name}\`.`, comment])}export interface ${type} {`,
    ...visible.map((field) => `${doc([comments.get(field.name)], '  ')}  readonly ${camel(field.name)}: ${typeScript(field.type)};`),
    '}',
    `/** Layout of \`struct ${name}\`: ${size} bytes. */`,
    `export const ${codec} = {`,
    `  size: ${size},`,
    '  offsets: {',
    ...visible.map((field) => `    ${camel(field.name)}: ${field.offset},`),
    '  },',
    `  read(buffer: Buffer, offset = 0): ${type} {`,
    '    return {',
    ...visible.map((field) => `      ${camel(field.name)}: ${readExpression(field.type, at(field.offset))},`),
    '    };',
    '  },',
    `  write(buffer: Buffer, value: ${type}, offset = 0): void {`,
    ...fields.flatMap((field) => writeStatements(field)).map((statement) => `    ${statement}`),
    '  },',
    `  encode(value: ${type}): Buffer {`,
    `    const buffer = Buffer.alloc(${size});`,
    `    ${codec}.write(buffer, value);`,
    '    return buffer;',
    '  },',
    `} as const satisfies Codec<${type}>;`,
  ].join('\n');
}

function typeScript(type: FieldType): string {
  switch (type.kind) {
    case 'number':
    case 'bigint':
    case 'boolean':
      return type.kind;
    case 'enum':
    case 'struct':
      return pascal(type.name);
    case 'bytes':
      return 'Uint8Array';
    case 'array':
      return `readonly ${typeScript(type.element)}[]`;
    case 'opaque':
      return 'never';
  }
}

function readExpression(type: FieldType, position: string): string {
  switch (type.kind) {
    case 'number':
    case 'bigint':
      return `buffer.read${accessor(type)}(${position})`;
    case 'enum':
      return `buffer.read${accessor(asNumber(type))}(${position}) as ${pascal(type.name)}`;
    case 'boolean':
      return `buffer[${position}] !== 0`;
    case 'bytes':
      return `new Uint8Array(buffer.subarray(${position}, ${position} + ${type.length}))`;
    case 'struct':
      return `${camel(type.name)}Codec.read(buffer, ${position})`;
    case 'array':
      return `Array.from({ length: ${type.length} }, (_, index) => ${readExpression(type.element, `${position} + index * ${type.elementSize}`)})`;
    case 'opaque':
      return 'undefined';
  }
}

function writeStatements(field: Field): string[] {
  const position = at(field.offset);
  if (field.type.kind === 'opaque') return [`buffer.fill(0, ${position}, ${at(field.offset + field.size)});`];
  return writeValue(field.type, `value.${camel(field.name)}`, position, `${camel(field.name)}`);
}

function writeValue(type: FieldType, value: string, position: string, name: string): string[] {
  switch (type.kind) {
    case 'number':
    case 'bigint':
      return [`buffer.write${accessor(type)}(${value}, ${position});`];
    case 'enum':
      return [`buffer.write${accessor(asNumber(type))}(${value}, ${position});`];
    case 'boolean':
      return [`buffer[${position}] = ${value} ? 1 : 0;`];
    case 'bytes':
      return [lengthCheck(value, type.length, name), `buffer.set(${value}, ${position});`];
    case 'struct':
      return [`${camel(type.name)}Codec.write(buffer, ${value}, ${position});`];
    case 'array': {
      const element = writeValue(type.element, 'element', `${position} + index * ${type.elementSize}`, name);
      return [
        lengthCheck(value, type.length, name),
        `${value}.forEach((element, index) => {`,
        ...element.map((line) => `  ${line}`),
        '});',
      ];
    }
    case 'opaque':
      return [];
  }
}

function lengthCheck(value: string, length: number, name: string): string {
  return `if (${value}.length !== ${length}) throw new RangeError(\`${name} has \${${value}.length} elements, expected ${length}\`);`;
}

/** The part of Buffer's method name behind read or write. */
function accessor(type: Extract<FieldType, { kind: 'number' | 'bigint' }>): string {
  const sign = type.signed ? '' : 'U';
  const order = type.bigEndian ? 'BE' : 'LE';
  if (type.kind === 'bigint') return `Big${type.signed ? '' : 'U'}Int64${order}`;
  return type.size === 1 ? `${sign}Int8` : `${sign}Int${type.size * 8}${order}`;
}

/** Enums are read as the integers they are; no enum is big-endian. */
function asNumber({ size, signed }: Extract<FieldType, { kind: 'enum' }>): Extract<FieldType, { kind: 'number' }> {
  return { kind: 'number', size, signed, bigEndian: false };
}

function leafOf(type: FieldType): FieldType {
  return type.kind === 'array' ? leafOf(type.element) : type;
}

const at = (offset: number) => (offset === 0 ? 'offset' : `offset + ${offset}`);

function doc(parts: readonly (string | undefined)[], indent = ''): string {
  const text = parts.filter((part) => part).join(' ');
  return text === '' ? '' : `${indent}/** ${text.replaceAll('*/', '* /')} */\n`;
}

/** `flow_key4` → `flowKey4`. */
export function camel(name: string): string {
  return name.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `flow_key4` → `FlowKey4`. */
export function pascal(name: string): string {
  return camel(`_${name}`);
}
