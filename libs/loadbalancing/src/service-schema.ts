import { expectedDnsLabel, expectedPortName } from '@myelin/labels';
import { field, namespacedMetadata } from '@myelin/manifest';
import { z } from 'zod';

/*
 * Every field that Kubernetes 1.34 has, so that a Service fits as a cluster prints it. A name that isn't among them is a slip of the pen, and refused. Which of them
 * mean something here, and which are listed as not served: read-service.ts.
 */

const portNumber = field.integer(1, 65535, 'a port');
const seconds = field.integer(1, 86400, 'seconds of affinity');

const port = z.strictObject({
  name: field.optional(z.union([z.literal(''), field.text(expectedDnsLabel)])),
  protocol: field.optional(z.enum(['TCP', 'UDP', 'SCTP'])),
  port: portNumber,
  targetPort: field.optional(
    z.union([field.integer(0, 65535, 'a port'), field.text(expectedPortName)], {
      error: 'a port: a whole number, 1–65535, or the name of a container port',
    }),
  ),
  nodePort: field.optional(field.integer(0, 65535, 'a port')),
  appProtocol: field.inert(), // a hint for layer 7
});

// Compared as text: who is older has a frontend that two ask for.
const timestamp = field.text((text) =>
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text) ? null : 'a time as Kubernetes writes it: 2026-11-30T09:00:00Z',
);

const clientIp = z.strictObject({ timeoutSeconds: field.optional(seconds) });

const spec = z.strictObject({
  type: field.optional(z.enum(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
  clusterIP: field.optional(z.string()),
  clusterIPs: field.optional(z.array(z.string()).max(2)),
  ipFamilies: field.optional(z.array(z.enum(['IPv4', 'IPv6'])).max(2)),
  ipFamilyPolicy: field.optional(z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack'])),
  ports: field.optional(z.array(port)),
  selector: field.optional(z.record(z.string(), z.string())),
  publishNotReadyAddresses: field.optional(z.boolean()),
  sessionAffinity: field.optional(z.enum(['None', 'ClientIP'])),
  sessionAffinityConfig: field.optional(z.strictObject({ clientIP: field.optional(clientIp) })),
  internalTrafficPolicy: field.optional(z.enum(['Cluster', 'Local'])),
  trafficDistribution: field.optional(z.string()),
  externalName: field.optional(z.string()),
  externalIPs: field.optional(z.array(z.string())),
  externalTrafficPolicy: field.optional(z.enum(['Cluster', 'Local'])),
  healthCheckNodePort: field.optional(z.number()),
  loadBalancerIP: field.optional(z.string()),
  loadBalancerClass: field.optional(z.string()),
  loadBalancerSourceRanges: field.optional(z.array(z.string())),
  allocateLoadBalancerNodePorts: field.optional(z.boolean()),
});

/** Schema of v1 Service. */
export const serviceSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata: namespacedMetadata.extend({
    name: field.text(expectedDnsLabel),
    annotations: field.optional(z.record(z.string(), z.string())),
    creationTimestamp: field.optional(timestamp),
  }),
  spec,
  status: field.inert(),
});

export type ServiceManifest = z.output<typeof serviceSchema>;
export type ServiceSpecManifest = ServiceManifest['spec'];
