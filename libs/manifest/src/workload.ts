import { parseAddress, parsePrefix } from '@myelin/address';
import { expectedDnsLabel, expectedPortName } from '@myelin/labels';
import { z } from 'zod';
import { clusterMetadata, labelMap, namespacedMetadata } from './metadata.ts';
import { field } from './shape.ts';

/*
 * The parts of Pod, Namespace and Node that a node without Kubernetes can act on. People bring whole manifests: every other field is
 * accepted and passed over.
 */

const portNumber = (what: string) => field.integer(1, 65535, what);

const containerPort = z.object({
  name: field.optional(field.text(expectedPortName)),
  containerPort: portNumber('a port'),
  protocol: field.optional(z.enum(['TCP', 'UDP', 'SCTP'])),
  hostPort: field.optional(portNumber('a port')),
});

const environment = z.object({ name: z.string().min(1), value: field.optional(z.string()) });

const container = z.object({
  name: field.text(expectedDnsLabel),
  image: field.optional(z.string()),
  command: field.optional(z.array(z.string())),
  args: field.optional(z.array(z.string())),
  ports: field.optional(z.array(containerPort)),
  env: field.optional(z.array(environment)),
});

/** Schema of v1 Pod. */
export const podSchema = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata: namespacedMetadata,
  spec: z.object({
    containers: z.array(container).min(1),
    serviceAccountName: field.optional(z.string()),
    nodeName: field.optional(z.string()),
    hostNetwork: field.optional(z.boolean()),
  }),
});

/** Schema of v1 Namespace; its labels are part of the identity of its pods. */
export const namespaceSchema = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Namespace'),
  metadata: z.object({ name: field.text(expectedDnsLabel), labels: field.optional(labelMap), uid: field.optional(z.string()) }),
});

const cidr = field.text((text) =>
  parsePrefix(text, { hostBits: 'refuse' }) === null ? 'a CIDR without host bits, such as 10.244.0.0/24' : null,
);

const nodeAddress = z
  .object({ type: z.string(), address: z.string() })
  .refine(({ type, address }) => !type.endsWith('IP') || parseAddress(address) !== null, {
    path: ['address'],
    error: 'an IP address',
  });

/** Schema of v1 Node. */
export const nodeSchema = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Node'),
  metadata: clusterMetadata,
  spec: field.optional(z.object({ podCIDR: field.optional(cidr), podCIDRs: field.optional(z.array(cidr)) })),
  status: field.optional(z.object({ addresses: field.optional(z.array(nodeAddress)) })),
});

/** A Pod, Namespace or Node as its schema leaves it. */
export type PodManifest = z.output<typeof podSchema>;
export type NamespaceManifest = z.output<typeof namespaceSchema>;
export type NodeManifest = z.output<typeof nodeSchema>;
