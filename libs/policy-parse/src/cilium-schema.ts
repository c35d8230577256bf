import { clusterMetadata, field, namespacedMetadata } from '@myelin/manifest';
import { entities } from '@myelin/policy-model';
import { z } from 'zod';
import { selectorSchema } from './selector.ts';

/*
 * Shape of cilium.io/v2 policies. Every field of the upstream definition is here: those not built yet are named, so that they are refused
 * by name and never ignored.
 */

const port = z.strictObject({
  port: z.string({ error: 'a string: a port number such as "80", or the name of a container port' }),
  endPort: field.optional(field.integer(0, 65535, 'the last port of a range')),
  protocol: field.optional(z.enum(['TCP', 'UDP', 'SCTP', 'ANY'])),
});

const ports = z.array(port).min(1).max(40);

const toPorts = field.optional(
  z.array(
    z.strictObject({
      ports,
      rules: field.notYet(),
      terminatingTLS: field.notYet(),
      originatingTLS: field.notYet(),
      serverNames: field.notYet(),
      listener: field.notYet(),
    }),
  ),
);

const toDenyPorts = field.optional(z.array(z.strictObject({ ports })));

const endpoints = field.optional(z.array(selectorSchema));
const cidrs = field.optional(z.array(z.string()));
const cidrSet = field.optional(
  z.array(
    z.strictObject({
      cidr: z.string(),
      except: field.optional(z.array(z.string())),
      cidrGroupRef: field.notYet(),
      cidrGroupSelector: field.notYet(),
    }),
  ),
);
const entityList = field.optional(z.array(z.enum(entities)));

const from = {
  fromEndpoints: endpoints,
  fromEntities: entityList,
  fromCIDR: cidrs,
  fromCIDRSet: cidrSet,
  fromRequires: field.notYet(),
  fromNodes: field.notYet(),
  fromGroups: field.notYet(),
  icmps: field.notYet(),
};

const to = {
  toEndpoints: endpoints,
  toEntities: entityList,
  toCIDR: cidrs,
  toCIDRSet: cidrSet,
  toRequires: field.notYet(),
  toNodes: field.notYet(),
  toGroups: field.notYet(),
  toServices: field.notYet(),
  icmps: field.notYet(),
};

const spec = z.strictObject({
  endpointSelector: field.optional(selectorSchema),
  nodeSelector: field.notYet(),
  ingress: field.optional(z.array(z.strictObject({ ...from, toPorts, authentication: field.notYet() }))),
  ingressDeny: field.optional(z.array(z.strictObject({ ...from, toPorts: toDenyPorts }))),
  egress: field.optional(z.array(z.strictObject({ ...to, toPorts, toFQDNs: field.notYet(), authentication: field.notYet() }))),
  egressDeny: field.optional(z.array(z.strictObject({ ...to, toPorts: toDenyPorts }))),
  enableDefaultDeny: field.optional(z.strictObject({ ingress: field.optional(z.boolean()), egress: field.optional(z.boolean()) })),
  log: field.notYet(),
  // Inert: they describe the rule to people.
  description: field.optional(z.string()),
  labels: field.inert(),
});

const document = {
  apiVersion: z.literal('cilium.io/v2'),
  spec: field.optional(spec),
  specs: field.optional(z.array(spec)),
  status: field.inert(),
};

/** Schema of CiliumNetworkPolicy. */
export const ciliumNetworkPolicySchema = z.strictObject({
  ...document,
  kind: z.literal('CiliumNetworkPolicy'),
  metadata: namespacedMetadata,
});

/** Schema of CiliumClusterwideNetworkPolicy. */
export const ciliumClusterwideNetworkPolicySchema = z.strictObject({
  ...document,
  kind: z.literal('CiliumClusterwideNetworkPolicy'),
  metadata: clusterMetadata,
});

export type SpecManifest = z.output<typeof spec>;
/** A rule of any section, its peers named as at ingress or egress. */
export type RuleManifest = Partial<z.output<z.ZodObject<typeof from>> & z.output<z.ZodObject<typeof to>>> & {
  toPorts?: readonly PortsManifest[] | null | undefined;
};
export interface PortsManifest {
  readonly ports: readonly z.output<typeof port>[];
}
