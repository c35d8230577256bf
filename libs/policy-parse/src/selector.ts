import { compareText, derivedKeys, expectedLabelKey, expectedLabelValue, isDerivedKey, labelSources } from '@myelin/labels';
import { field, type JsonPath, nearestName, oneOf } from '@myelin/manifest';
import type { LabelRequirement, LabelSelector } from '@myelin/policy-model';
import { z } from 'zod';
import { type Report, reporter } from './report.ts';

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** Kubernetes' LabelSelector; keys are checked by `readSelector`, as their syntax differs between kinds. */
export const selectorSchema = z.strictObject({
  matchLabels: field.optional(z.record(z.string(), field.text(expectedLabelValue))),
  matchExpressions: field.optional(
    z.array(
      z.strictObject({
        key: z.string(),
        operator: z.enum(operators),
        values: field.optional(z.array(field.text(expectedLabelValue))),
      }),
    ),
  ),
});
export type SelectorManifest = z.output<typeof selectorSchema>;

/** A label's name as a kind of policy writes it: null after a report. */
export type KeyReader = (key: string, path: JsonPath, report: Report) => Pick<LabelRequirement, 'source' | 'key'> | null;

/**
 * Keys of a podSelector name labels that pods bear themselves. Those that identities have beside them are none of these, and what a pod writes
 * under their keys is seen by nobody: such a key is read as one of a source that no pod has labels of.
 */
export const podKeys: KeyReader = (key, path, report) => {
  const name = kubernetesKey(key, path, report);
  return name !== null && isDerivedKey(key) ? { source: 'unspec', key } : name;
};

/** Keys of a namespaceSelector name labels of the namespace. */
export const namespaceKeys: KeyReader = (key, path, report) =>
  kubernetesKey(key, path, report) && { source: 'k8s', key: derivedKeys.namespaceLabels + key };

const kubernetesKey: KeyReader = (key, path, report) => {
  const expected = expectedLabelKey(key);
  if (expected !== null) reporter(report, path)(`found key ${JSON.stringify(key)}`, expected);
  return expected === null ? { source: 'k8s', key } : null;
};

const selectable = labelSources.filter((source) => source !== 'named-port');

/** Keys of Cilium selectors: `source:key`, or `key` for a label of any source; only colons separate, as upstream. */
export const ciliumKeys: KeyReader = (text, path, report) => {
  const colon = text.indexOf(':');
  const name = colon < 0 ? 'any' : text.slice(0, colon);
  const key = text.slice(colon + 1);
  const source = selectable.find((known) => known === name);
  const say = reporter(report, path);
  if (source === undefined) {
    say(`unknown label source ${JSON.stringify(name)}`, oneOf(selectable), nearestName(name, selectable));
    return null;
  }
  // Keys of cidr labels are addresses: all other sources follow Kubernetes' syntax.
  const expected = source === 'cidr' && key !== '' ? null : expectedLabelKey(key);
  if (expected !== null) say(`found key ${JSON.stringify(text)}`, expected);
  return expected === null ? { source, key } : null;
};

const uniqueSorted = (values: readonly string[]) => [...new Set(values)].sort(compareText);

/** The requirement of a label having this value. */
export function requireLabel(key: string, value: string): LabelRequirement {
  return { source: 'k8s', key, operator: 'In', values: [value] };
}

/** The requirement of a label of source `k8s` being there, whatever its value. */
export function requireKey(key: string): LabelRequirement {
  return { source: 'k8s', key, operator: 'Exists', values: [] };
}

/** One text per requirement: equal texts mean the same. */
const requirementKey = ({ source, key, operator, values }: LabelRequirement) => `${source}:${key} ${operator} ${values.join(',')}`;

/** Requirements in their canonical order, without duplicates. */
export function canonicalSelector(requirements: Iterable<LabelRequirement>): LabelSelector {
  const byKey = new Map([...requirements].map((requirement) => [requirementKey(requirement), requirement]));
  return [...byKey.keys()].sort(compareText).map((key) => byKey.get(key)!);
}

/** Reads a selector's requirements; what is wrong with it goes to `report`. An absent selector has none. */
export function readSelector(
  selector: SelectorManifest | null | undefined,
  path: JsonPath,
  readKey: KeyReader,
  report: Report,
): readonly LabelRequirement[] {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([text, value]): LabelRequirement | null => {
    const name = readKey(text, [...path, 'matchLabels', text], report);
    return name && { ...name, operator: 'In', values: [value] };
  });
  const expressions = (selector?.matchExpressions ?? []).map(({ key: text, operator, values }, index): LabelRequirement | null => {
    const at = [...path, 'matchExpressions', index];
    const name = readKey(text, [...at, 'key'], report);
    const wantsValues = operator === 'In' || operator === 'NotIn';
    const count = values?.length ?? 0;
    if (wantsValues && count === 0) reporter(report, [...at, 'values'])('no values', `at least one value with ${operator}`);
    if (!wantsValues && count > 0) reporter(report, [...at, 'values'])('found values', `no values with ${operator}`);
    return name && { ...name, operator, values: uniqueSorted(values ?? []) };
  });
  return [...labels, ...expressions].filter((requirement) => requirement !== null);
}
