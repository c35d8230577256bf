import { checkShape, inOrder, type Manifest, type ManifestError, type Problem, type Shaped } from '@myelin/manifest';
import type { Policy, PolicyKind } from '@myelin/policy-model';
import type { z } from 'zod';
import { readCiliumPolicy } from './cilium-policy.ts';
import { ciliumClusterwideNetworkPolicySchema, ciliumNetworkPolicySchema } from './cilium-schema.ts';
import { networkPolicySchema, readNetworkPolicy } from './network-policy.ts';
import type { Reports } from './report.ts';

/** A policy and what in it is hardly meant (to be told, `expected` says what to write instead), or everything that is wrong with its document. */
export type Parsed =
  | { readonly ok: true; readonly policy: Policy; readonly warnings: readonly ManifestError[] }
  | { readonly ok: false; readonly errors: readonly ManifestError[] };

type Parser = (manifest: Manifest) => Parsed;

/** Shape first; what a schema can't say is checked while reading, of a document with a wrong shape in what is left of it. */
function parser<T extends z.ZodType>(apiVersion: string, schema: T, read: (shaped: z.output<T>, reports: Reports) => Policy): Parser {
  // What a policy is called and which version its document names don't change what its rules say.
  const standIns = { apiVersion, metadata: { name: 'unnamed' } };
  return (manifest) => {
    const shaped: Shaped<z.output<T>> = checkShape(manifest, schema, standIns);
    const problems: Problem[] = [];
    const warnings: Problem[] = [];
    const reports: Reports = { report: (problem) => problems.push(problem), warn: (problem) => warnings.push(problem) };
    if (shaped.ok) {
      const policy = read(shaped.value, reports);
      return problems.length === 0
        ? { ok: true, policy, warnings: inOrder(warnings.map(manifest.errorAt)) }
        : { ok: false, errors: inOrder(problems.map(manifest.errorAt)) };
    }
    const rest = shaped.rest();
    if (rest === null) return { ok: false, errors: inOrder(shaped.errors) };
    read(rest.value, reports);
    const more = problems.map(rest.inWhole).filter((problem) => problem !== null);
    return { ok: false, errors: inOrder([...shaped.errors, ...more.map(manifest.errorAt)]) };
  };
}

const parsers: Readonly<Record<Exclude<PolicyKind, 'Builtin'>, Parser>> = {
  NetworkPolicy: parser('networking.k8s.io/v1', networkPolicySchema, readNetworkPolicy),
  CiliumNetworkPolicy: parser('cilium.io/v2', ciliumNetworkPolicySchema, readCiliumPolicy),
  CiliumClusterwideNetworkPolicy: parser('cilium.io/v2', ciliumClusterwideNetworkPolicySchema, readCiliumPolicy),
};

/** The kinds that `parsePolicy` reads. */
export const policyKinds: readonly string[] = Object.keys(parsers);

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
  return { ok: false, errors: [manifest.errorAt({ path: ['kind'], message, expected: policyKinds.join(', ') })] };
}
