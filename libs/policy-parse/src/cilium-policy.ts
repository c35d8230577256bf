import { derivedKeys } from '@myelin/labels';
import { defaultNamespace, type JsonPath } from '@myelin/manifest';
import type { LabelSelector, Policy, PolicySpec, Rule } from '@myelin/policy-model';
import type { z } from 'zod';
import { type RuleContext, readCiliumRule } from './cilium-rule.ts';
import type { ciliumClusterwideNetworkPolicySchema, ciliumNetworkPolicySchema, RuleManifest, SpecManifest } from './cilium-schema.ts';
import { type Report, type Reports, reporter } from './report.ts';
import { canonicalSelector, ciliumKeys, readSelector, requireLabel } from './selector.ts';

const ruleSections = ['ingress', 'ingressDeny', 'egress', 'egressDeny'] as const;

/** The endpoints that a spec is about; a namespaced policy's lie in its namespace. */
function readSubject(
  spec: SpecManifest,
  path: JsonPath,
  namespace: string,
  report: Report,
): { subject: LabelSelector; selectsInit: boolean } {
  if (spec.endpointSelector == null) reporter(report, [...path, 'endpointSelector'])('missing', 'a selector; {} selects every endpoint');
  const at = [...path, 'endpointSelector'];
  const requirements = readSelector(spec.endpointSelector, at, ciliumKeys, report);
  const selectsInit = requirements.some(({ source, key }) => source === 'reserved' && key === 'init');
  if (namespace === '') return { subject: canonicalSelector(requirements), selectsInit };
  for (const text of Object.keys(spec.endpointSelector?.matchLabels ?? {})) {
    const named = [`k8s:${derivedKeys.namespace}`, `any:${derivedKeys.namespace}`, derivedKeys.namespace].includes(text);
    const value = spec.endpointSelector?.matchLabels?.[text];
    // Upstream replaces the foreign namespace with a warning in a log: the policy would then bind pods that it doesn't name.
    if (named && value !== namespace)
      reporter(report, [...at, 'matchLabels', text])(`names namespace ${JSON.stringify(value)}`, `"${namespace}", the policy's own`);
  }
  return { subject: canonicalSelector([...requirements, requireLabel(derivedKeys.namespace, namespace)]), selectsInit };
}

function readSpec(spec: SpecManifest, specIndex: number, path: JsonPath, namespace: string, report: Report): PolicySpec {
  const { subject, selectsInit } = readSubject(spec, path, namespace, report);
  const context: RuleContext = { namespace, selectsInit, report };
  const rules = ruleSections.flatMap((section): Rule[] =>
    (spec[section] ?? []).map((rule: RuleManifest, index) => readCiliumRule(section, index, rule, [...path, section, index], context)),
  );
  const holdsRules = (...names: readonly (typeof ruleSections)[number][]) => names.some((name) => (spec[name] ?? []).length > 0);
  const isolates = {
    ingress: spec.enableDefaultDeny?.ingress ?? holdsRules('ingress', 'ingressDeny'),
    egress: spec.enableDefaultDeny?.egress ?? holdsRules('egress', 'egressDeny'),
  };
  return { specIndex, subject, isolates, rules };
}

type CiliumManifest = z.output<typeof ciliumNetworkPolicySchema> | z.output<typeof ciliumClusterwideNetworkPolicySchema>;

/** What a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy says. */
export function readCiliumPolicy({ kind, metadata, spec, specs }: CiliumManifest, { report }: Reports): Policy {
  const namespace = kind === 'CiliumNetworkPolicy' ? ((metadata as { namespace?: string | null }).namespace ?? defaultNamespace) : '';
  const single = spec == null ? [] : [{ spec, path: ['spec'] as JsonPath }];
  const several = (specs ?? []).map((one, index) => ({ spec: one, path: ['specs', index] as JsonPath }));
  const all = [...single, ...several];
  if (all.length === 0) reporter(report, ['spec'])('neither spec nor specs holds a rule', 'spec, or a list specs with a member');
  return {
    reference: { kind, namespace, name: metadata.name, uid: metadata.uid ?? '' },
    specs: all.map(({ spec: one, path }, index) => readSpec(one, index, path, namespace, report)),
  };
}
