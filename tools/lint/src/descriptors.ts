import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';

/** Parts of descriptor.proto's JSON form that are looked at. */
interface FileDescriptor {
  readonly name: string;
  readonly package?: string;
  readonly dependency?: readonly string[];
  readonly messageType?: readonly MessageDescriptor[];
  readonly enumType?: readonly Named[];
  readonly service?: readonly (Named & { readonly method?: readonly Named[] })[];
}
interface MessageDescriptor extends Named {
  readonly nestedType?: readonly MessageDescriptor[];
  readonly enumType?: readonly Named[];
}
interface Named {
  readonly name: string;
}

/** The TypeScript file with the descriptors of all contracts, by which servers say what they serve (gRPC reflection). Throws with buf's words. */
export async function descriptorsText(root: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'myelin-descriptors-'));
  try {
    const [binary, json] = [join(folder, 'set.bin'), join(folder, 'set.json')];
    for (const output of [binary, `${json}#format=json`]) {
      const args = ['build', '--exclude-source-info', '--as-file-descriptor-set', '-o', output];
      const { status, output: words } = await runCommand('buf', args, join(root, 'proto'));
      if (status !== 0) throw new Error(words);
    }
    const { file: files } = JSON.parse(readFileSync(json, 'utf8')) as { readonly file: readonly FileDescriptor[] };
    const bytes = filesOfSet(readFileSync(binary));
    return textOf(files.map((file, index) => ({ file, bytes: bytes[index]! })));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function textOf(files: readonly { readonly file: FileDescriptor; readonly bytes: Buffer }[]): string {
  const rows = files.map(({ file, bytes }) => {
    const row = { name: file.name, dependencies: file.dependency ?? [], symbols: symbolsOf(file), bytes: bytes.toString('base64') };
    return `  ${JSON.stringify(row)},\n`;
  });
  return `// Generated from proto/ by "npm run generate".

/** A .proto file as gRPC reflection hands it out. */
export interface DescribedFile {
  readonly name: string;
  /** Names of the files that it imports. */
  readonly dependencies: readonly string[];
  /** Fully qualified names of its services, methods, messages and enums. */
  readonly symbols: readonly string[];
  /** Its FileDescriptorProto, serialized, base64. */
  readonly bytes: string;
}

/** All contracts, each after those that it needs. */
export const describedFiles: readonly DescribedFile[] = [
${rows.join('')}];
`;
}

function symbolsOf({ package: scope = '', messageType = [], enumType = [], service = [] }: FileDescriptor): readonly string[] {
  const within = (name: string) => (scope === '' ? name : `${scope}.${name}`);
  const ofMessage = (message: MessageDescriptor, prefix: string): string[] => {
    const name = `${prefix}${message.name}`;
    return [
      within(name),
      ...(message.enumType ?? []).map((one) => within(`${name}.${one.name}`)),
      ...(message.nestedType ?? []).flatMap((one) => ofMessage(one, `${name}.`)),
    ];
  };
  return [
    ...service.flatMap(({ name, method = [] }) => [within(name), ...method.map((one) => within(`${name}.${one.name}`))]),
    ...messageType.flatMap((message) => ofMessage(message, '')),
    ...enumType.map(({ name }) => within(name)),
  ];
}

/** The files of a serialized FileDescriptorSet, which is nothing but a list of them (field 1). */
export function filesOfSet(set: Buffer): readonly Buffer[] {
  const files: Buffer[] = [];
  for (let at = 0; at < set.length; ) {
    if (set[at] !== 0x0a) throw new Error(`no FileDescriptorSet: tag ${set[at]} at ${at}`);
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = set[++at]!;
      length |= (byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    files.push(set.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return files;
}
