import { createHash } from 'node:crypto';
import { canonicalLabels, formatLabel, identityRanges, type Label, parseLabel, splitLabels } from '@myelin/labels';

/** Sources that an endpoint can't claim: they say what an address is, or stand in selectors only. */
const foreignSources: ReadonlySet<Label['source']> = new Set(['reserved', 'cidr', 'fqdn', 'any']);

/** The canonical set, or what is wrong with it. */
export type LabelSetReading = { readonly labels: readonly string[] } | { readonly problem: string };

/** Reads an endpoint's label set: at least one label, each of a source that an endpoint may have. */
export function readLabelSet(texts: readonly string[]): LabelSetReading {
  if (texts.length === 0) return { problem: 'an endpoint needs at least one label' };
  const labels: string[] = [];
  for (const text of texts) {
    const label = parseLabel(text);
    if (label === null) return { problem: `label "${text}" is not of the form source:key=value` };
    if (foreignSources.has(label.source)) return { problem: `label "${text}": no endpoint can have the source ${label.source}` };
    labels.push(formatLabel(label));
  }
  return { labels: canonicalLabels(labels) };
}

const { first, last } = identityRanges.cluster;
const candidateCount = 8;

/**
 * Numbers that a label set prefers, best first, all different: a function of the set alone, so that it tends to get the same number again, in another cluster
 * and after a loss too.
 */
export function preferredNumbers(labels: readonly string[]): readonly number[] {
  const digest = createHash('sha256').update(JSON.stringify(labels)).digest();
  const numbers = new Set<number>();
  for (let i = 0; i < candidateCount; i++) numbers.add(first + (digest.readUInt32BE(4 * i) % (last - first + 1)));
  return [...numbers];
}

/** Whether a label set has all wanted labels, hidden ones aside. A wanted label without a source, or of source `any`, matches every source. */
export function hasLabels(labels: readonly string[], wanted: readonly Label[]): boolean {
  const visible = splitLabels(labels).visible.map(parseLabel);
  return wanted.every(({ source, key, value }) =>
    visible.some(
      (label) => label?.key === key && label.value === value && (source === 'any' || source === 'unspec' || label.source === source),
    ),
  );
}
