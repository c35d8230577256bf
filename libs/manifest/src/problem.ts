import leven from 'leven';

/** Steps from a document's root to a value: field names and list indexes. */
export type JsonPath = readonly (string | number)[];

/** What is wrong with a value, before it is known where it stands. */
export interface Problem {
  readonly path: JsonPath;
  /** What was found, as half a sentence: `unknown field "ingres"`. */
  readonly message: string;
  /** What would be right, as half a sentence: `one of "TCP", "UDP"`. */
  readonly expected: string;
  /** The known name that is likely meant. */
  readonly nearest?: string | undefined;
}

/** A problem and its place. Errors of manifests are values: whoever reads files collects them all and applies nothing if there is one. */
export interface ManifestError {
  readonly file: string;
  /** Which document of the file, counted from 1. */
  readonly document: number;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** As `formatPath` writes it; '' for the document itself. */
  readonly path: string;
  readonly message: string;
  readonly expected: string;
  readonly nearest?: string | undefined;
}

const plainName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `spec.ingress[0].ports[1]`; names that hold dots or slashes in brackets: `metadata.labels["a.b/c"]`. */
export function formatPath(path: JsonPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!plainName.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** One line for a person: place, path, what was found, what is expected, what was likely meant. */
export function formatManifestError(error: ManifestError): string {
  const where = `${error.file}:${error.line}:${error.column}: document ${error.document}`;
  const path = error.path === '' ? '' : `, ${error.path}`;
  const hint = error.nearest === undefined ? '' : `; did you mean "${error.nearest}"?`;
  return `${where}${path}: ${error.message}; expected ${error.expected}${hint}`;
}

/** Errors as a reader meets them: file by file (`files`, else as they first come), from top to bottom. */
export function inOrder(errors: readonly ManifestError[], files: readonly { readonly file: string }[] = errors): ManifestError[] {
  const names = [...new Set(files.map(({ file }) => file))];
  return errors.toSorted(
    (a, b) => names.indexOf(a.file) - names.indexOf(b.file) || a.document - b.document || a.line - b.line || a.column - b.column,
  );
}

/** The known name that `name` is likely a slip of: at most a third of its letters wrong, and at least one letter may be; the first of equals. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = leven(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name: candidate, distance };
  }
  return best?.name;
}

/** `one of "a", "b"`; `known` in its own order. */
export function oneOf(known: readonly string[]): string {
  return known.length === 0 ? 'nothing' : `${known.length > 1 ? 'one of ' : ''}${known.map((name) => JSON.stringify(name)).join(', ')}`;
}

/** A value as a person would say it: short ones whole, others by kind. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return `${typeof value} ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}
