import type { EndpointSlice, Service } from '@myelin/loadbalancing';
import { parseEndpointSlice, parseService } from '@myelin/loadbalancing';
import { formatManifestError, parseManifests } from '@myelin/manifest';

/** One object, read. */
export type LoadBalancingObject =
  | { readonly kind: 'Service'; readonly value: Service }
  | { readonly kind: 'EndpointSlice'; readonly value: EndpointSlice };

/** Names an object. */
export interface ObjectReference {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Key of an object's row in the stream. */
export const objectKey = ({ kind, namespace, name }: ObjectReference): string => `${kind}/${namespace}/${name}`;

/** What names an object. */
export const referenceOf = ({ kind, value: { namespace, name } }: LoadBalancingObject): ObjectReference => ({ kind, namespace, name });

/** What was submitted, ready to be stored, or everything that is wrong with it. */
export type Submission =
  | { readonly ok: true; readonly objects: readonly LoadBalancingObject[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads documents (JSON texts) before any is stored: one bad one refuses all; the same object twice is refused too. */
export function checkSubmission(texts: readonly string[]): Submission {
  const problems: string[] = [];
  const objects = new Map<string, LoadBalancingObject>();
  texts.forEach((text, index) => {
    const file = `document ${index + 1}`;
    const read = readDocument(file, text);
    if (Array.isArray(read)) {
      problems.push(...read);
      return;
    }
    const object = read as LoadBalancingObject;
    const key = objectKey(referenceOf(object));
    if (objects.has(key)) problems.push(`${file}: ${key} is there twice; give each object once`);
    objects.set(key, object);
  });
  if (texts.length === 0) problems.push('no document was given');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, objects: [...objects.values()] };
}

function readDocument(file: string, text: string): LoadBalancingObject | readonly string[] {
  const { manifests, errors } = parseManifests([{ file, text }]);
  if (errors.length > 0) return errors.map(formatManifestError);
  const [manifest] = manifests;
  if (manifest === undefined || manifests.length > 1) return [`${file}: holds ${manifests.length} objects; give one in each document`];
  const { kind } = manifest;
  if (kind !== 'Service' && kind !== 'EndpointSlice') return [`${file}: found kind ${kind}; expected Service or EndpointSlice`];
  const parsed = kind === 'Service' ? parseService(manifest) : parseEndpointSlice(manifest);
  return parsed.ok ? ({ kind, value: parsed.value } as LoadBalancingObject) : parsed.errors.map(formatManifestError);
}

/**
 * Gives each Service the time of its creation: its own, else the one under which it is stored, else `now` (RFC 3339, UTC). It decides who has a frontend that two
 * ask for, so applying a Service again must not make it younger.
 */
export function withCreationTimes(
  objects: readonly LoadBalancingObject[],
  stored: ReadonlyMap<string, string>,
  now: string,
): readonly LoadBalancingObject[] {
  return objects.map((object) => {
    if (object.kind !== 'Service' || object.value.created !== null) return object;
    return { ...object, value: { ...object.value, created: stored.get(objectKey(referenceOf(object))) ?? now } };
  });
}
