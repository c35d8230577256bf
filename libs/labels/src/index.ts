export { defaultLabelFilter, type LabelFilter, passes } from './filter.ts';
export { canonicalLabels, compareText, formatLabel, type Label, type LabelSource, labelSetKey, labelSources, parseLabel } from './label.ts';
export {
  derivedKeys,
  identityLabels,
  isDerivedKey,
  type NamedPort,
  namedPortLabel,
  namespaceNameKey,
  type PodDescription,
  parseNamedPortLabel,
  splitLabels,
} from './pod.ts';
export {
  identityRanges,
  isClusterWide,
  isNodeLocal,
  isReserved,
  type ReservedName,
  reservedIdentities,
  reservedLabels,
  reservedName,
} from './reserved.ts';
export { expectedDnsLabel, expectedDnsSubdomain, expectedLabelKey, expectedLabelValue, expectedPortName } from './syntax.ts';
