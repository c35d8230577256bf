/**
 * Where a label comes from. `any` stands in selectors for every source, `unspec` for a label written without one; `named-port` is
 * hidden: it is part of what an identity is made of, and no selector sees it.
 */
export const labelSources = ['k8s', 'container', 'cidr', 'fqdn', 'reserved', 'node', 'any', 'unspec', 'named-port'] as const;
export type LabelSource = (typeof labelSources)[number];

/** A label taken apart. `value` is '' where there is none: `k8s:app` and `k8s:app=` are the same label. */
export interface Label {
  readonly source: LabelSource;
  readonly key: string;
  readonly value: string;
}

const isSource = (text: string): text is LabelSource => (labelSources as readonly string[]).includes(text);

/** Reads `source:key=value`, `source:key` or `key=value` (source `unspec`). Null: no key, or a source that is none of ours. */
export function parseLabel(text: string): Label | null {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? '' : text.slice(equals + 1);
  const colon = name.indexOf(':');
  const source = colon < 0 ? 'unspec' : name.slice(0, colon);
  const key = name.slice(colon + 1);
  return key !== '' && isSource(source) ? { source, key, value } : null;
}

/** The one text of a label: `source:key=value`, without `=` when the value is empty. */
export function formatLabel({ source, key, value }: Label): string {
  return value === '' ? `${source}:${key}` : `${source}:${key}=${value}`;
}

/** Order of canonical sets: by UTF-16 code units of the text, never by locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A set of labels as a sorted list without duplicates: equal sets are equal lists. */
export function canonicalLabels(labels: Iterable<string>): readonly string[] {
  return [...new Set(labels)].sort(compareText);
}

/** One text for a whole canonical set, fit as a key: labels joined by `;`, which no label holds. */
export function labelSetKey(canonical: readonly string[]): string {
  return canonical.join(';');
}
