import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ScalarTag,
  type Tags,
  visit,
  type YAMLError,
} from 'yaml';
import { describeValue, formatPath, type JsonPath, type ManifestError, type Problem } from './problem.ts';

/** Text of one file, with the name that errors give it. */
export interface ManifestFile {
  readonly file: string;
  readonly text: string;
}

/** One Kubernetes object and where it was written. Members of a List are manifests of their own. */
export interface Manifest {
  readonly file: string;
  /** Which document of the file, counted from 1. */
  readonly document: number;
  readonly apiVersion: string;
  readonly kind: string;
  /** The object as plain JSON. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Places a problem, whose path starts at this object's root. */
  readonly errorAt: (problem: Problem) => ManifestError;
}

/** What some files hold. Apply nothing while there is an error. */
export interface ManifestSet {
  readonly manifests: readonly Manifest[];
  readonly errors: readonly ManifestError[];
}

// As go-yaml reads, so that a manifest means the same here as to kubectl: YAML 1.1 (`yes` is true, 0644 is octal) with merge keys, but no
// sexagesimal numbers (22:22 is text) and no timestamps.
const isForeign = (tag: Tags[number]) =>
  typeof tag !== 'string' && ((tag as ScalarTag).format === 'TIME' || tag.tag === 'tag:yaml.org,2002:timestamp');
const options = { version: '1.1', merge: true, customTags: (tags: Tags) => tags.filter((tag) => !isForeign(tag)) } as const;

/** A YAML document with the means to place problems in it. */
interface Source {
  readonly file: string;
  readonly number: number;
  readonly lines: LineCounter;
  readonly yaml: Document.Parsed;
}

/** The node where the value at `path` is written, or its key; where the path leaves the text (a missing field, a merge), the nearest one. */
function nodeAt({ yaml }: Source, path: JsonPath): Node | null {
  let place: Node | null = yaml.contents;
  let node: unknown = yaml.contents;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(yaml);
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step)) : undefined;
    const next = isSeq(node) && typeof step === 'number' ? node.items[step] : pair?.value;
    if (next === undefined) break;
    node = next;
    if (isNode(pair?.key)) place = pair.key;
    else if (isNode(next)) place = next;
  }
  return place;
}

/** Path of the value or key at an offset. */
function pathAt({ yaml }: Source, offset: number): JsonPath {
  const path: (string | number)[] = [];
  const begins = (node: unknown) => isNode(node) && node.range != null && node.range[0] <= offset;
  for (let node: unknown = yaml.contents; ; ) {
    if (isSeq(node)) {
      const index = node.items.findLastIndex(begins);
      if (index < 0) return path;
      path.push(index);
      node = node.items[index];
    } else if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => begins(key));
      if (!isScalar(pair?.key)) return path;
      path.push(String(pair.key.value));
      node = pair.value;
    } else return path;
  }
}

function errorAt(source: Source, problem: Problem): ManifestError {
  const offset = nodeAt(source, problem.path)?.range?.[0] ?? source.yaml.range[0];
  return errorAtOffset(source, offset, problem);
}

function errorAtOffset({ file, number, lines }: Source, offset: number, { path, message, expected, nearest }: Problem): ManifestError {
  const { line, col } = lines.linePos(offset);
  const place = { file, document: number, line: Math.max(line, 1), column: Math.max(col, 1) };
  return { ...place, path: formatPath(path), message, expected, ...(nearest === undefined ? {} : { nearest }) };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The manifests in one value: itself, or what a List holds. `typed` is the kind that members of a typed list may leave out. */
function unpack(source: Source, path: JsonPath, value: unknown, typed?: { apiVersion: string; kind: string }): ManifestSet {
  const fail = (at: JsonPath, message: string, expected: string): ManifestSet => ({
    manifests: [],
    errors: [errorAt(source, { path: [...path, ...at], message, expected })],
  });
  if (!isObject(value)) return fail([], `found ${describeValue(value)}`, 'a Kubernetes object: fields apiVersion, kind, metadata …');
  const { apiVersion = typed?.apiVersion, kind = typed?.kind } = value;
  if (typeof kind !== 'string' || kind === '') return fail(['kind'], `found ${describeValue(kind)}`, 'the kind of the object, such as Pod');
  if (typeof apiVersion !== 'string' || apiVersion === '') {
    return fail(['apiVersion'], `found ${describeValue(apiVersion)}`, 'the API version of the object, such as v1');
  }
  if (kind === 'List' || (kind.endsWith('List') && 'items' in value)) {
    if (!Array.isArray(value.items)) return fail(['items'], `found ${describeValue(value.items)}`, 'a list of objects');
    const member = kind === 'List' ? undefined : { apiVersion, kind: kind.slice(0, -'List'.length) };
    return join(value.items.map((item, index) => unpack(source, [...path, 'items', index], item, member)));
  }
  const place = (problem: Problem) => errorAt(source, { ...problem, path: [...path, ...problem.path] });
  return { manifests: [{ file: source.file, document: source.number, apiVersion, kind, value, errorAt: place }], errors: [] };
}

function join(sets: readonly ManifestSet[]): ManifestSet {
  return { manifests: sets.flatMap(({ manifests }) => manifests), errors: sets.flatMap(({ errors }) => errors) };
}

const isDuplicate = ({ code }: YAMLError) => code === 'DUPLICATE_KEY';

/** What the text alone shows to be wrong. */
function textErrors(source: Source): readonly ManifestError[] {
  const { yaml } = source;
  const errors = yaml.errors.map(({ code, pos, message }) =>
    code === 'DUPLICATE_KEY'
      ? errorAtOffset(source, pos[0], { path: pathAt(source, pos[0]), message: 'written twice', expected: 'each field once' })
      : errorAtOffset(source, pos[0], {
          path: [],
          message: message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, ''),
          expected: 'valid YAML',
        }),
  );
  visit(yaml as Document, {
    Alias(_, alias) {
      if (alias.resolve(yaml as Document) !== undefined) return;
      const offset = alias.range![0];
      errors.push(
        errorAtOffset(source, offset, {
          path: pathAt(source, offset),
          message: `no anchor "${alias.source}" before it`,
          expected: `&${alias.source} further up in this document`,
        }),
      );
    },
  });
  return errors;
}

function readDocument(source: Source): ManifestSet {
  const { yaml } = source;
  const errors = textErrors(source);
  // A field that is written twice leaves a value that can be looked at; one slip of syntax makes the reader stumble many times: the first ones tell.
  if (!yaml.errors.every(isDuplicate)) return { manifests: [], errors: errors.slice(0, 5) };
  if (errors.length > yaml.errors.length) return { manifests: [], errors };
  if (yaml.contents === null || (isScalar(yaml.contents) && yaml.contents.value === null)) return { manifests: [], errors };
  try {
    return join([{ manifests: [], errors }, unpack(source, [], yaml.toJS())]);
  } catch (error) {
    // toJS refuses what grows without bound: aliases of aliases, aliases of themselves.
    return {
      manifests: [],
      errors: [...errors, errorAt(source, { path: [], message: String((error as Error).message), expected: 'aliases within bounds' })],
    };
  }
}

/** Longest text of a file, in characters. Kubernetes itself takes no object above 1.5 MiB. */
const longestText = 8 << 20;

/** What YAML holds neither plain nor in quotes. Files of other kinds, and text in UTF-16, are full of it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacter = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** A byte order mark is no character of a document; joined files have some in the middle. */
const byteOrderMarks = /(^|\n---\r?\n)\ufeff/g;

function readFile({ file, text }: ManifestFile): readonly ManifestSet[] {
  const fail = (message: string, expected: string, line = 1, column = 1): readonly ManifestSet[] => [
    { manifests: [], errors: [{ file, document: 1, line, column, path: '', message, expected }] },
  ];
  if (text.length > longestText)
    return fail(`${Math.ceil(text.length / (1 << 20))} MiB of text`, `at most ${longestText >> 20} MiB in one file`);
  const control = controlCharacter.exec(text);
  if (control !== null) {
    const before = text.slice(0, control.index).split('\n');
    return fail(`found the control character ${JSON.stringify(control[0])}`, 'YAML in UTF-8', before.length, before.at(-1)!.length + 1);
  }
  const lines = new LineCounter();
  try {
    const documents = parseAllDocuments(text.replaceAll(byteOrderMarks, '$1'), { ...options, lineCounter: lines });
    return [...documents].map((yaml, index) => readDocument({ file, number: index + 1, lines, yaml: yaml as Document.Parsed }));
  } catch (error) {
    // The reader itself gives up on absurd nesting.
    return fail(`unreadable: ${(error as Error).message}`, 'valid YAML');
  }
}

/** Reads the objects of some YAML or JSON files, in order; every file is read to its end whatever its neighbours hold. Never throws. */
export function parseManifests(files: readonly ManifestFile[]): ManifestSet {
  return join(files.flatMap(readFile));
}
