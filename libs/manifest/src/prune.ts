import type { z } from 'zod';
import type { JsonPath, Problem } from './problem.ts';

/*
 * What a schema can't say is checked by whoever reads the value. So that one slip of the shape doesn't hide what such a reader would find elsewhere in
 * the document, what breaks the schema is taken out, and the reader gets the rest.
 */

/** What is left of a value when everything that breaks its schema is taken out. */
export interface Remainder<T> {
  readonly value: T;
  /** The problem with its path in the whole value; null for one that may only be there because of what was taken out. */
  readonly inWhole: (problem: Problem) => Problem | null;
}

type Container = Record<PropertyKey, unknown>;
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

const valueAt = (root: unknown, path: JsonPath): unknown =>
  path.reduce<unknown>((value, step) => (isContainer(value) ? value[step] : undefined), root);

const pathText = (path: JsonPath): string => JSON.stringify(path);

/** A copy of a value, out of which parts are taken while the places of the others stay known. */
class Pruning {
  readonly root: Container;
  /** Of lists that lost members: where those that are left stood. */
  readonly #indexes = new Map<unknown, readonly number[]>();
  /** Objects that lost a field of the wrong type, by their path in the whole value. */
  readonly #wounded = new Set<string>();

  constructor(value: unknown) {
    // JSON has no aliases: what is taken out at one place stays at the others.
    this.root = JSON.parse(JSON.stringify(value)) as Container;
  }

  /** Takes out all that these issues are about. False: there is nothing to take out. */
  remove(issues: readonly z.core.$ZodIssue[], standIns: Readonly<Record<string, unknown>>): boolean {
    const members = new Map<unknown[], Set<number>>();
    let removed = false;
    for (const issue of issues) {
      const path = issue.path as JsonPath;
      const keys = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [this.#culprit(path)];
      // An unknown field is nobody's: nothing can be missing because of it.
      if (issue.code !== 'unrecognized_keys') this.#wounded.add(pathText(this.placeOf(keys[0]!.slice(0, -1))));
      for (const at of keys) {
        const holder = valueAt(this.root, at.slice(0, -1));
        const step = at.at(-1);
        if (step === undefined || !isContainer(holder)) continue;
        const standIn = at.length === 1 ? standIns[step] : undefined;
        removed ||= holder[step] !== standIn;
        if (standIn !== undefined) holder[step] = standIn;
        else if (Array.isArray(holder)) members.set(holder, (members.get(holder) ?? new Set()).add(step as number));
        else delete holder[step];
      }
    }
    for (const [list, gone] of members) this.#removeMembers(list, gone);
    return removed;
  }

  /** Path in the whole value of what stands at a path now. */
  placeOf(path: JsonPath): JsonPath {
    return path.map((step, depth) =>
      typeof step === 'number' ? (this.#indexes.get(valueAt(this.root, path.slice(0, depth)))?.[step] ?? step) : step,
    );
  }

  inWhole(problem: Problem): Problem | null {
    const path = this.placeOf(problem.path);
    const isConsequence = this.#wounded.has(pathText(path)) || this.#wounded.has(pathText(path.slice(0, -1)));
    return isConsequence ? null : { ...problem, path };
  }

  /** What has to go: the value itself or, where it is missing, what can't do without it. */
  #culprit(path: JsonPath): JsonPath {
    return path.length > 1 && valueAt(this.root, path) === undefined ? path.slice(0, -1) : path;
  }

  #removeMembers(list: unknown[], gone: ReadonlySet<number>): void {
    const before = this.#indexes.get(list) ?? list.map((_, index) => index);
    this.#indexes.set(
      list,
      before.filter((_, index) => !gone.has(index)),
    );
    list.splice(0, list.length, ...list.filter((_, index) => !gone.has(index)));
  }
}

/**
 * Takes out of a value what breaks its schema, a field or a list member at a time, with what can't do without it. `standIns` take the place of fields of
 * the root. Null: nothing is left that the schema holds of.
 */
export function prune<T extends z.ZodType>(
  value: unknown,
  schema: T,
  standIns: Readonly<Record<string, unknown>>,
): Remainder<z.output<T>> | null {
  const pruning = new Pruning(value);
  for (;;) {
    const result = schema.safeParse(pruning.root);
    if (result.success) return { value: result.data, inWhole: (problem) => pruning.inWhole(problem) };
    if (!pruning.remove(result.error.issues, standIns)) return null;
  }
}
