import { checkShape, type Manifest, type ManifestError, type Problem, type Shaped } from '@myelin/manifest';
import type { Policy, PolicyKind } from '@myelin/policy-model';
import type { z } from 'zod';
import { readCiliumPolicy } from './cilium-policy.ts';
import { ciliumClusterwideNetworkPolicySchema, ciliumNetworkPolicySchema } from './cilium-schema.ts';
import { networkPolicySchema, readNetworkPolicy } from './network-policy.ts';
import type { Report } from './report.ts';

/** A policy, or everything that is wrong with its document. */
export type Parsed = { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly errors: readonly ManifestError[] };

type Parser = (manifest: Manifest) => Parsed;

/** Shape first; what a schema can't say is checked while reading. */
function parser<T extends z.ZodType>(schema: T, read: (shaped: z.output<T>, report: Report) => Policy): Parser {
  return (manifest) => {
    const shaped: Shaped<z.output<T>> = checkShape(manifest, schema);
    if (!shaped.ok) return shaped;
    const problems: Problem[] = [];
    const policy = read(shaped.value, (problem) => problems.push(problem));
    return problems.length === 0 ? { ok: true, policy } : { ok: false, errors: problems.map(manifest.errorAt) };
  };
}

const parsers: Readonly<Record<Exclude<PolicyKind, 'Builtin'>, Parser>> = {
  NetworkPolicy: parser(networkPolicySchema, readNetworkPolicy),
  CiliumNetworkPolicy: parser(ciliumNetworkPolicySchema, readCiliumPolicy),
  CiliumClusterwideNetworkPolicy: parser(ciliumClusterwideNetworkPolicySchema, readCiliumPolicy),
};

const notYet: readonly string[] = [
  'AdminNetworkPolicy',
  'BaselineAdminNetworkPolicy',
  'ClusterNetworkPolicy',
  'CiliumCIDRGroup',
  'CiliumEgressGatewayPolicy',
  'CiliumEnvoyConfig',
  'CiliumClusterwideEnvoyConfig',
  'CiliumLocalRedirectPolicy',
];

/** What a manifest is to policy: a policy that this version reads, one of a kind that it doesn't yet (to be refused), or no policy at all. */
export function policyKindOf({ kind }: Pick<Manifest, 'kind'>): 'policy' | 'policy-not-yet' | 'other' {
  if (Object.hasOwn(parsers, kind)) return 'policy';
  return notYet.includes(kind) ? 'policy-not-yet' : 'other';
}

/** Reads a policy document. Every error names path, what is expected and the nearest known name; nothing is ever ignored but what is inert. */
export function parsePolicy(manifest: Manifest): Parsed {
  if (policyKindOf(manifest) === 'policy') return parsers[manifest.kind as keyof typeof parsers](manifest);
  const message =
    policyKindOf(manifest) === 'other' ? `${manifest.kind} is no policy` : `policies of kind ${manifest.kind} are not supported yet`;
  return { ok: false, errors: [manifest.errorAt({ path: ['kind'], message, expected: Object.keys(parsers).join(', ') })] };
}
