import { type HostPort, parseHostPort } from './host-port.ts';

/** What reading a text gave: the value, or what was expected in its place. */
export type Reading<T> = { readonly value: T } | { readonly expected: string };

/** One entry of a service's configuration. `flag` without dashes (default: the property's name in kebab case). */
export interface Field<T> {
  readonly help: string;
  readonly flag?: string;
  /** What `--help` prints for the value; null for a switch, which takes none. */
  readonly placeholder: string | null;
  readonly read: (text: string) => Reading<T>;
  /** Absent: the field must be given. */
  readonly fallback?: { readonly value: T };
  /** Printed as the default in `--help`. */
  readonly fallbackText?: string;
}

/** What every kind of field takes. */
export interface FieldOptions<T> {
  readonly help: string;
  readonly flag?: string;
  /** Used when neither flag nor environment gives a value; leave out to require one. */
  readonly default?: T;
}

function fieldOf<T>(
  options: FieldOptions<T>,
  placeholder: string | null,
  read: (text: string) => Reading<T>,
  show: (value: T) => string = String,
): Field<T> {
  const base = { help: options.help, placeholder, read, ...(options.flag === undefined ? {} : { flag: options.flag }) };
  if (!('default' in options)) return base;
  const value = options.default as T;
  return { ...base, fallback: { value }, fallbackText: value === null || value === '' ? '' : show(value) };
}

/** Whole numbers, bounds inclusive. The property's name carries the unit: `resyncIntervalMs`. */
function integer(
  options: FieldOptions<number> & {
    readonly minimum: number;
    readonly maximum: number;
    /** 0 has a meaning of its own. */
    readonly orZero?: boolean;
  },
): Field<number> {
  const { minimum, maximum, orZero = false } = options;
  const expected = `${orZero ? '0, or ' : ''}a whole number from ${minimum} to ${maximum}`;
  return fieldOf(options, '<number>', (text) => {
    const value = Number(text);
    const isGood = (value >= minimum && value <= maximum) || (orZero && value === 0);
    return /^-?\d+$/.test(text) && isGood ? { value } : { expected };
  });
}

/** Any text that `accept` lets pass (default: all but the empty one). */
function text(options: FieldOptions<string> & { readonly expected?: string; readonly accept?: (text: string) => boolean }): Field<string> {
  const accept = options.accept ?? ((value: string) => value !== '');
  return fieldOf(options, '<text>', (value) => (accept(value) ? { value } : { expected: options.expected ?? 'a text that is not empty' }));
}

/** A path in the file system; null where it is optional and absent. */
function path<T extends string | null = string>(options: FieldOptions<T>): Field<T | string> {
  return fieldOf<T | string>(options, '<path>', (value) => (value === '' ? { expected: 'a path' } : { value }));
}

/** One of a closed set of words. */
function choice<const C extends string>(options: FieldOptions<C> & { readonly choices: readonly C[] }): Field<C> {
  return fieldOf(options, `<${options.choices.join('|')}>`, (value) =>
    (options.choices as readonly string[]).includes(value) ? { value: value as C } : { expected: `one of ${options.choices.join(', ')}` },
  );
}

/** A switch: `--flag` and `--flag=true` are true, absent is false. */
function flag(options: { readonly help: string; readonly flag?: string }): Field<boolean> {
  return fieldOf({ ...options, default: false }, null, (value) =>
    value === 'true' || value === 'false' ? { value: value === 'true' } : { expected: 'true or false' },
  );
}

/** Where to listen: `host:port`, `[v6]:port`, `:port`; null where it is optional and absent. */
function hostPort<T extends HostPort | null = HostPort>(options: FieldOptions<T>): Field<T | HostPort> {
  return fieldOf<T | HostPort>(
    options,
    '<host:port>',
    (value) => {
      const parsed = parseHostPort(value);
      return parsed === null ? { expected: 'host:port, [IPv6 address]:port or :port, port 0–65535' } : { value: parsed };
    },
    (value) => (value === null ? '' : `${value.host}:${value.port}`),
  );
}

/** A URL with one of `protocols` (with their colon, as in `redis:`). */
function url(options: FieldOptions<string> & { readonly protocols: readonly string[] }): Field<string> {
  const expected = `a URL that starts with ${options.protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return fieldOf(options, '<url>', (value) => {
    const parsed = URL.parse(value);
    return parsed !== null && options.protocols.includes(parsed.protocol) && parsed.hostname !== '' ? { value } : { expected };
  });
}

/** Comma-separated items, each read by `item`; empty items are refused. */
function list<T>(
  options: FieldOptions<readonly T[]> & {
    readonly placeholder: string;
    readonly item: (text: string) => Reading<T>;
    readonly show?: (item: T) => string;
  },
): Field<readonly T[]> {
  return fieldOf<readonly T[]>(
    options,
    `${options.placeholder},…`,
    (value) => {
      const values: T[] = [];
      for (const part of value.split(',')) {
        const reading = options.item(part.trim());
        if ('expected' in reading) return { expected: `${reading.expected}, separated by commas` };
        values.push(reading.value);
      }
      return { value: values };
    },
    (values) => values.map(options.show ?? String).join(','),
  );
}

/** A whole number of any size, not negative; null where it is optional and absent. */
function bigint<T extends bigint | null = bigint>(options: FieldOptions<T>): Field<T | bigint> {
  return fieldOf<T | bigint>(options, '<number>', (value) =>
    /^\d{1,20}$/.test(value) ? { value: BigInt(value) } : { expected: 'a whole number' },
  );
}

/** The kinds of configuration fields. */
export const field = { bigint, integer, text, path, choice, flag, hostPort, url, list };
