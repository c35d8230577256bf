import { z } from 'zod';
import type { Manifest } from './document.ts';
import { describeValue, type JsonPath, type ManifestError, nearestName, oneOf, type Problem } from './problem.ts';
import { prune, type Remainder } from './prune.ts';

/*
 * Schemas of manifests are zod schemas with three conventions: fields that may be left out are `field.optional(…)` (YAML's null is absence
 * for Kubernetes), fields that are known but not built are `field.notYet()`, and a message given to a schema says what is expected.
 */

/** Marks of schema fields; see the conventions above. */
export const field = {
  /** May be absent or null. */
  optional: <T extends z.ZodType>(schema: T) => schema.nullish(),
  /** A field that upstream has and this version doesn't: present, it is refused by name, never ignored. */
  notYet: () => z.never().nullish(),
  /** Known, and without effect by definition: whatever it holds is passed over. */
  inert: () => z.unknown().optional(),
  /** Text that passes a check of @myelin/labels, which returns null or what is expected. */
  text: (expected: (text: string) => string | null) =>
    z.string().superRefine((text, context) => {
      const message = expected(text);
      if (message !== null) context.addIssue({ code: 'custom', message });
    }),
  /** Whole number between two bounds, both included; `what` says what it is. */
  integer: (first: number, last: number, what: string) =>
    z.number({ error: `${what}: a whole number, ${first}–${last}` }).superRefine((value, context) => {
      if (!Number.isInteger(value) || value < first || value > last) {
        context.addIssue({ code: 'custom', message: `${what}: a whole number, ${first}–${last}` });
      }
    }),
};

/** A value that has the shape of its schema, or what is wrong with it and what is left without that. */
export type Shaped<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly ManifestError[]; readonly rest: () => Remainder<T> | null };

const typeNames: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** Skips what wraps a schema without adding to its shape. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = schema._zod as {
    def: { type: string; innerType?: z.core.$ZodType; in?: z.core.$ZodType; getter?: () => z.core.$ZodType };
  };
  if (def.innerType !== undefined) return unwrap(def.innerType);
  if (def.type === 'pipe' && def.in !== undefined) return unwrap(def.in);
  return def.type === 'lazy' && def.getter !== undefined ? unwrap(def.getter()) : schema;
}

function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | null {
  let here = unwrap(schema);
  for (const step of path) {
    const { def } = here._zod as unknown as {
      def: { shape?: Record<PropertyKey, z.core.$ZodType>; element?: z.core.$ZodType; valueType?: z.core.$ZodType };
    };
    const next = def.shape?.[step] ?? def.element ?? def.valueType;
    if (next === undefined) return null;
    here = unwrap(next);
  }
  return here;
}

/** Names of the fields that the object at `path` may have: `supported` without those that are refused anyway. */
function knownFields(schema: z.core.$ZodType, path: readonly PropertyKey[]): { readonly all: string[]; readonly supported: string[] } {
  const at = schemaAt(schema, path);
  const { shape = {} } = (at?._zod.def ?? {}) as { shape?: Record<string, z.core.$ZodType> };
  const all = Object.keys(shape);
  return { all, supported: all.filter((name) => unwrap(shape[name]!)._zod.def.type !== 'never') };
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<PropertyKey, unknown> | null | undefined)?.[step], root);
}

// Zod's own messages begin so; any other was given to the schema and says more than the type.
const expectedType = ({ message, expected }: z.core.$ZodIssueInvalidType): string =>
  message.startsWith('Invalid input') ? (typeNames[expected] ?? message) : message;

function problemsOf(issue: z.core.$ZodIssue, schema: z.core.$ZodType, root: unknown): Problem[] {
  const path = issue.path as JsonPath;
  const found = valueAt(root, path);
  const one = (message: string, expected: string, nearest?: string): Problem[] => [{ path, message, expected, nearest }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownFields(schema, path);
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown field ${JSON.stringify(key)}`,
        expected: oneOf(known.supported),
        nearest: nearestName(key, known.all),
      }));
    }
    case 'invalid_type':
      if (issue.expected === 'never') return one('not supported yet', 'this field to be left out');
      return one(found === undefined ? 'missing' : `found ${describeValue(found)}`, expectedType(issue));
    case 'invalid_value': {
      const known = issue.values.map(String);
      return one(`found ${describeValue(found)}`, oneOf(known), typeof found === 'string' ? nearestName(found, known) : undefined);
    }
    case 'too_small':
      return one(`found ${describeValue(found)}`, `at least ${issue.minimum}${issue.origin === 'array' ? ' members' : ''}`);
    case 'too_big':
      return one(`found ${describeValue(found)}`, `at most ${issue.maximum}${issue.origin === 'array' ? ' members' : ''}`);
    case 'invalid_key':
      return one(`found key ${JSON.stringify(path.at(-1))}`, issue.issues[0]?.message ?? 'another key');
    default:
      return one(found === undefined ? 'missing' : `found ${describeValue(found)}`, issue.message);
  }
}

/**
 * Holds a manifest against the schema of its kind. All that is wrong is reported at once. `standIns`: what takes the place of wrong fields of the root in
 * what is left.
 */
export function checkShape<T extends z.ZodType>(
  manifest: Manifest,
  schema: T,
  standIns: Readonly<Record<string, unknown>> = {},
): Shaped<z.output<T>> {
  const result = schema.safeParse(manifest.value);
  if (result.success) return { ok: true, value: result.data };
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, schema, manifest.value));
  return { ok: false, errors: problems.map(manifest.errorAt), rest: () => prune(manifest.value, schema, standIns) };
}
