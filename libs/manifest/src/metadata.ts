import { expectedDnsLabel, expectedDnsSubdomain, expectedLabelKey, expectedLabelValue } from '@myelin/labels';
import { z } from 'zod';
import { field } from './shape.ts';

/** A map of labels, keys and values checked. */
export const labelMap = z.record(field.text(expectedLabelKey), field.text(expectedLabelValue));

const shared = {
  labels: field.optional(labelMap),
  uid: field.optional(z.string()),
};

/** `metadata` of an object that lives in a namespace. What the API server manages in it is passed over. */
export const namespacedMetadata = z.object({
  name: field.text(expectedDnsSubdomain),
  namespace: field.optional(field.text(expectedDnsLabel)),
  ...shared,
});

/** `metadata` of a cluster-wide object. */
export const clusterMetadata = z.object({ name: field.text(expectedDnsSubdomain), ...shared });

/** Namespace of an object that doesn't name one. */
export const defaultNamespace = 'default';
