import { expectedDnsLabel } from '@myelin/labels';
import { field, namespacedMetadata } from '@myelin/manifest';
import { z } from 'zod';

/* Every field that Kubernetes 1.34 has, as in service-schema.ts. */

const port = z.strictObject({
  name: field.optional(z.union([z.literal(''), field.text(expectedDnsLabel)])),
  protocol: field.optional(z.enum(['TCP', 'UDP', 'SCTP'])),
  port: field.optional(field.integer(1, 65535, 'a port')),
  appProtocol: field.inert(),
});

const endpoint = z.strictObject({
  addresses: z.array(z.string()).min(1),
  conditions: field.optional(
    z.strictObject({
      ready: field.optional(z.boolean()),
      serving: field.optional(z.boolean()),
      terminating: field.optional(z.boolean()),
    }),
  ),
  nodeName: field.optional(z.string()),
  hostname: field.inert(), // DNS
  targetRef: field.inert(),
  zone: field.inert(), // with hints: used by trafficDistribution, which the Service lists as not served
  hints: field.inert(),
  deprecatedTopology: field.inert(),
});

/** Schema of discovery.k8s.io/v1 EndpointSlice. */
export const endpointSliceSchema = z.strictObject({
  apiVersion: z.literal('discovery.k8s.io/v1'),
  kind: z.literal('EndpointSlice'),
  metadata: namespacedMetadata,
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  // Kubernetes prints an empty list as null.
  endpoints: field.optional(z.array(endpoint).max(1000)),
  ports: field.optional(z.array(port).max(20000)),
});

export type EndpointSliceManifest = z.output<typeof endpointSliceSchema>;
