import { checkShape, inOrder, type Manifest, type ManifestError, type Problem } from '@myelin/manifest';
import type { z } from 'zod';
import type { EndpointSlice, Service } from './model.ts';
import { readService } from './read-service.ts';
import { readEndpointSlice } from './read-slice.ts';
import { type Report, reportInto } from './report.ts';
import { serviceSchema } from './service-schema.ts';
import { endpointSliceSchema } from './slice-schema.ts';

/** A value, or everything that is wrong with its document. */
export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly ManifestError[] };

/** Shape first; what a schema can't say is checked while reading, of a document with a wrong shape in what is left of it. */
function readWith<S extends z.ZodType, T>(manifest: Manifest, schema: S, read: (shaped: z.output<S>, report: Report) => T): Read<T> {
  const shaped = checkShape(manifest, schema, { metadata: { name: 'unnamed' } });
  const problems: Problem[] = [];
  if (shaped.ok) {
    const value = read(shaped.value, reportInto(problems));
    return problems.length === 0 ? { ok: true, value } : { ok: false, errors: inOrder(problems.map(manifest.errorAt)) };
  }
  const rest = shaped.rest();
  if (rest === null) return { ok: false, errors: inOrder(shaped.errors) };
  read(rest.value, reportInto(problems));
  const more = problems.map(rest.inWhole).filter((problem) => problem !== null);
  return { ok: false, errors: inOrder([...shaped.errors, ...more.map(manifest.errorAt)]) };
}

/** Reads a v1 Service. Errors name path, what is expected and the nearest known name. */
export function parseService(manifest: Manifest): Read<Service> {
  return readWith(manifest, serviceSchema, readService);
}

/** Reads a discovery.k8s.io/v1 EndpointSlice. */
export function parseEndpointSlice(manifest: Manifest): Read<EndpointSlice> {
  return readWith(manifest, endpointSliceSchema, readEndpointSlice);
}
