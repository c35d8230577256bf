/** What a C header of `bpf/include/types` defines: names and comments only; layouts come from the compiler. */

/** A struct or enum at the top level of a header, in its order. */
export interface Definition {
  readonly kind: 'struct' | 'enum';
  /** Empty for an enum that only names constants. */
  readonly name: string;
  /** The comment directly above. */
  readonly comment: string;
  /** The enumerators, in order; empty for a struct. */
  readonly enumerators: readonly string[];
  /** Comments behind fields and enumerators, by their C name. */
  readonly comments: ReadonlyMap<string, string>;
}

const definition = /(?:\/\*(\d+)\*\/\n)?^(struct|enum)\s*(\w*)\s*\{([^{}]*)\}/gm;
const opening = /^[^#\s].*\{/gm;

/** Reads the definitions of a header. Throws Error where it holds something else between braces: functions, nested definitions, unions. */
export function readHeader(path: string, source: string): readonly Definition[] {
  const texts: string[] = [];
  const bare = source.replace(/\/\*([\s\S]*?)\*\//g, (_, text: string) => `/*${texts.push(tidy(text)) - 1}*/`);
  const found = [...bare.matchAll(definition)];
  if (found.length !== [...bare.matchAll(opening)].length) {
    throw new Error(`${path}: only structs and enums, not nested in one another, can be read by user space`);
  }
  return found.map(([, above, kind, name, body]) => ({
    kind: kind as Definition['kind'],
    name: name ?? '',
    comment: above === undefined ? '' : texts[Number(above)]!,
    enumerators: kind === 'enum' ? [...body!.replace(/\/\*\d+\*\//g, '').matchAll(/^\s*(\w+)/gm)].map((match) => match[1]!) : [],
    comments: new Map(
      [...body!.matchAll(/^\s*(?:[\w\s]*\s)?(\w+)(?:\[[^\]]*\])*(?:\s*=[^,;\n]*)?[,;]?\s*\/\*(\d+)\*\//gm)].map(([, member, text]) => [
        member!,
        texts[Number(text)]!,
      ]),
    ),
  }));
}

/** A comment's text on one line. */
function tidy(text: string): string {
  return text.replace(/\s*\n\s*\*?\s*/g, ' ').trim();
}
