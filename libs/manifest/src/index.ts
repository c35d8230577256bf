export { type Manifest, type ManifestFile, type ManifestSet, parseManifests } from './document.ts';
export { unknownKind, workloadKinds } from './kinds.ts';
export { clusterMetadata, defaultNamespace, labelMap, namespacedMetadata } from './metadata.ts';
export {
  describeValue,
  formatManifestError,
  formatPath,
  inOrder,
  type JsonPath,
  type ManifestError,
  nearestName,
  oneOf,
  type Problem,
} from './problem.ts';
export type { Remainder } from './prune.ts';
export { checkShape, field, type Shaped } from './shape.ts';
export { type NamespaceManifest, type NodeManifest, namespaceSchema, nodeSchema, type PodManifest, podSchema } from './workload.ts';
