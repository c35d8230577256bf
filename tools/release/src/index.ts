export { encode, type Value } from './bytes.ts';
export { layoutChanges } from './changes.ts';
export { currentLayout, releaseLayout, releases, unpackObjects, writeRelease } from './data.ts';
export type { FieldShape, MapLayout, ReleaseLayout, StructShape } from './layout.ts';
export { type Debt, missing } from './promise.ts';
