import leven from 'leven';
import type { Field } from './field.ts';

/** A service's name, what it is for, and its fields by property name. */
export interface Configuration<F extends Fields> {
  readonly name: string;
  readonly summary: string;
  readonly fields: F;
  /** What is wrong with fields together, each of which is good: one line each. Asked when all are. */
  check(config: ValuesOf<F>): readonly string[];
}

// biome-ignore lint/suspicious/noExplicitAny: a record of fields of any value type; ConfigOf gives each property its own
export type Fields = Readonly<Record<string, Field<any>>>;

/** The frozen object that fields read into. */
export type ValuesOf<F extends Fields> = Readonly<{ [K in keyof F]: F[K] extends Field<infer T> ? T : never }>;

/** The frozen object that a configuration's fields read into. */
export type ConfigOf<C extends { readonly fields: Fields }> = ValuesOf<C['fields']>;

/** What the command line asked for. `invalid` lists every problem, one line each. */
export type ConfigReading<T> =
  | { readonly kind: 'config'; readonly config: T }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Names a service and its configuration; `ConfigOf<typeof …>` is the type of the result. */
export function configuration<F extends Fields>(
  name: string,
  summary: string,
  fields: F,
  check: (config: ValuesOf<F>) => readonly string[] = () => [],
): Configuration<F> {
  return { name, summary, fields, check };
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const flagOf = (name: string, of: Field<unknown>) => of.flag ?? kebab(name);
const variableOf = (flag: string) => `MYELIN_${flag.replaceAll('-', '_').toUpperCase()}`;

/** Splits arguments into `flag → text`; a switch without a value reads as "true". */
function splitArguments(
  argv: readonly string[],
  takesValue: (flag: string) => boolean,
): { given: Map<string, string>; problems: string[] } {
  const given = new Map<string, string>();
  const problems: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
    if (match === null) {
      problems.push(`unexpected argument "${argument}": everything is given as --flag value`);
      continue;
    }
    const [, flag, attached] = match as unknown as [string, string, string | undefined];
    if (given.has(flag)) problems.push(`--${flag} is given twice`);
    if (attached !== undefined) given.set(flag, attached);
    else if (!takesValue(flag)) given.set(flag, 'true');
    else if (i + 1 < argv.length && !argv[i + 1]!.startsWith('--')) given.set(flag, argv[++i]!);
    else problems.push(`--${flag} needs a value`);
  }
  return { given, problems };
}

/**
 * Reads flags, then `MYELIN_…` environment variables, then defaults (a flag wins). Knows `--help` and `--version`. Never throws for bad
 * input: all problems come back at once.
 */
export function readConfiguration<F extends Fields>(
  { fields, check }: Configuration<F>,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ConfigReading<ConfigOf<Configuration<F>>> {
  const byFlag = new Map(Object.entries(fields).map(([name, of]) => [flagOf(name, of), of]));
  const { given, problems } = splitArguments(
    argv,
    (flag) => byFlag.get(flag)?.placeholder !== null && flag !== 'help' && flag !== 'version',
  );
  if (given.has('help')) return { kind: 'help' };
  if (given.has('version')) return { kind: 'version' };
  for (const flag of given.keys()) {
    if (byFlag.has(flag)) continue;
    const near = [...byFlag.keys()].map((known) => ({ known, distance: leven(flag, known) })).sort((a, b) => a.distance - b.distance)[0];
    problems.push(`unknown flag --${flag}${near !== undefined && near.distance <= 3 ? `: did you mean --${near.known}?` : ': see --help'}`);
  }
  const config: Record<string, unknown> = {};
  for (const [name, of] of Object.entries(fields)) {
    const flag = flagOf(name, of);
    const variable = variableOf(flag);
    const source = given.has(flag) ? `--${flag}` : variable;
    const text = given.get(flag) ?? environment[variable];
    if (text === undefined) {
      if (of.fallback !== undefined) config[name] = of.fallback.value;
      else if (!problems.includes(`--${flag} needs a value`)) problems.push(`--${flag} (or ${variable}) is missing: ${of.help}`);
      continue;
    }
    const reading = of.read(text);
    if ('expected' in reading) problems.push(`${source} is "${text}": expected ${reading.expected}`);
    else config[name] = reading.value;
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  const whole = Object.freeze(config) as ValuesOf<F>;
  const together = check(whole);
  return together.length > 0 ? { kind: 'invalid', problems: together } : { kind: 'config', config: whole };
}

/** The text of `--help`. */
export function helpOf({ name, summary, fields }: Configuration<Fields>): string {
  const rows = Object.entries(fields).map(([property, of]) => {
    const flag = flagOf(property, of);
    const fallback = of.fallback === undefined ? ' (required)' : of.fallbackText ? ` (default ${of.fallbackText})` : '';
    return {
      left: `  --${flag}${of.placeholder === null ? '' : ` ${of.placeholder}`}`,
      right: `${of.help}${fallback} [${variableOf(flag)}]`,
    };
  });
  const width = Math.max(...rows.map((row) => row.left.length)) + 2;
  return [`${name}: ${summary}`, '', ...rows.map((row) => row.left.padEnd(width) + row.right), '  --help', '  --version', ''].join('\n');
}
