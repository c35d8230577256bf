/**
 * Preprocessor conditionals of the BPF code, counted against its budget (style, "BPF C" 2): features are `const volatile` data, not `#ifdef`s.
 */
export const conditionalsPerThousandLines = 2;

/** Counts over all files together. */
export function countConditionals(sources: readonly string[]): { lines: number; conditionals: number; allowed: number } {
  const all = sources.flatMap((source) => source.split('\n'));
  const conditionals = all.filter((line) => /^\s*#\s*(if|ifdef|ifndef|elif)\b/.test(line)).length;
  return { lines: all.length, conditionals, allowed: Math.ceil((all.length * conditionalsPerThousandLines) / 1000) };
}
