import { derivedKeys, expectedPortName } from '@myelin/labels';
import { defaultNamespace, field, type JsonPath, namespacedMetadata } from '@myelin/manifest';
import type { LabelRequirement, Peer, Policy, PortMatch, Rule } from '@myelin/policy-model';
import { z } from 'zod';
import { readPrefixExcept } from './prefix.ts';
import { type Report, type Reports, reporter } from './report.ts';
import { canonicalSelector, namespaceKeys, podKeys, readSelector, requireKey, requireLabel, selectorSchema } from './selector.ts';

const portNumber = 'a port: a whole number, 1–65535, or the name of a container port';

const port = z.strictObject({
  protocol: field.optional(z.enum(['TCP', 'UDP', 'SCTP'])),
  port: field.optional(z.union([z.number(), z.string()], { error: portNumber })),
  endPort: field.optional(field.integer(1, 65535, 'the last port of a range')),
});

const peer = z.strictObject({
  podSelector: field.optional(selectorSchema),
  namespaceSelector: field.optional(selectorSchema),
  ipBlock: field.optional(z.strictObject({ cidr: z.string(), except: field.optional(z.array(z.string())) })),
});
type PeerManifest = z.output<typeof peer>;
type PortManifest = z.output<typeof port>;

/** Schema of networking.k8s.io/v1 NetworkPolicy. */
export const networkPolicySchema = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: namespacedMetadata,
  spec: field.optional(
    z.strictObject({
      podSelector: field.optional(selectorSchema),
      policyTypes: field.optional(z.array(z.enum(['Ingress', 'Egress']))),
      ingress: field.optional(z.array(z.strictObject({ from: field.optional(z.array(peer)), ports: field.optional(z.array(port)) }))),
      egress: field.optional(z.array(z.strictObject({ to: field.optional(z.array(peer)), ports: field.optional(z.array(port)) }))),
    }),
  ),
  status: field.inert(),
});

/** Pods that a peer selects: of the policy's own namespace, unless it has a namespace selector (an empty one: of every namespace). */
function readPodPeer(manifest: PeerManifest, namespace: string, path: JsonPath, report: Report): Peer {
  const pods = readSelector(manifest.podSelector, [...path, 'podSelector'], podKeys, report);
  const { namespaceSelector } = manifest;
  const place: readonly LabelRequirement[] =
    namespaceSelector == null
      ? [requireLabel(derivedKeys.namespace, namespace)]
      : [requireKey(derivedKeys.namespace), ...readSelector(namespaceSelector, [...path, 'namespaceSelector'], namespaceKeys, report)];
  return { kind: 'endpoints', selector: canonicalSelector([...place, ...pods]) };
}

function readPeer(manifest: PeerManifest, namespace: string, path: JsonPath, report: Report): Peer | null {
  const { ipBlock, podSelector, namespaceSelector } = manifest;
  const selects = podSelector != null || namespaceSelector != null;
  if (ipBlock == null && !selects) {
    reporter(report, path)('names nobody', 'podSelector, namespaceSelector or ipBlock');
    return null;
  }
  if (ipBlock == null) return readPodPeer(manifest, namespace, path, report);
  if (selects) reporter(report, path)('ipBlock together with a selector', 'ipBlock alone, or selectors without it');
  const match = readPrefixExcept(ipBlock.cidr, ipBlock.except ?? [], [...path, 'ipBlock'], report);
  return match && { kind: 'ipBlock', ...match };
}

function readPort({ protocol, port, endPort }: PortManifest, path: JsonPath, report: Report): PortMatch {
  const say = (name: string) => reporter(report, [...path, name]);
  const named = { protocol: protocol ?? 'TCP' };
  if (endPort != null && typeof port !== 'number') say('endPort')('endPort without a numeric port', 'a numeric port beside it');
  if (port == null) return { ...named, ports: null };
  if (typeof port === 'string') {
    const expected = expectedPortName(port);
    if (expected !== null) say('port')(`found string ${JSON.stringify(port)}`, /^\d+$/.test(port) ? `a number: ${port}` : expected);
    return { ...named, portName: port };
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) say('port')(`found number ${port}`, portNumber);
  if (endPort != null && endPort < port) say('endPort')(`found number ${endPort}`, `at least ${port}, the port it begins with`);
  return { ...named, ports: { first: port, last: endPort ?? port } };
}

interface RuleManifest {
  readonly peers: readonly PeerManifest[] | null | undefined;
  readonly ports: readonly PortManifest[] | null | undefined;
}

function readRule(
  section: 'ingress' | 'egress',
  ruleIndex: number,
  { peers, ports }: RuleManifest,
  namespace: string,
  { report, warn }: Reports,
): Rule {
  const path = ['spec', section, ruleIndex];
  const side = section === 'ingress' ? 'from' : 'to';
  const read = (peers ?? []).map((manifest, index) => readPeer(manifest, namespace, [...path, side, index], report));
  const matches = (ports ?? []).map((manifest, index) => readPort(manifest, [...path, 'ports', index], report));
  if (section === 'egress' && read.some((one) => one?.kind === 'ipBlock')) {
    // A name is a pod's; what is outside has none, and a block is known by address, which tells no pod's names (policy-oracle, decision 16).
    matches.forEach((match, index) => {
      if ('portName' in match)
        reporter(warn, [...path, 'ports', index, 'port'])(
          `the port name ${JSON.stringify(match.portName)} matches nobody of the ipBlock beside it`,
          'a number, or peers that are pods',
        );
    });
  }
  return {
    section,
    ruleIndex,
    // Absent or empty, both lists mean everyone and everything.
    peers: read.length === 0 ? [{ kind: 'any' }] : read.filter((one) => one !== null),
    ports: matches.length === 0 ? null : matches,
  };
}

/** What a NetworkPolicy says; isolation as in the table of semantics.md. */
export function readNetworkPolicy(manifest: z.output<typeof networkPolicySchema>, reports: Reports): Policy {
  const { metadata, spec } = manifest;
  const namespace = metadata.namespace ?? defaultNamespace;
  const written = spec?.policyTypes ?? [];
  const isolates = {
    ingress: written.length === 0 || written.includes('Ingress'),
    egress: written.length === 0 ? (spec?.egress ?? []).length > 0 : written.includes('Egress'),
  };
  const rules = [
    ...(spec?.ingress ?? []).map(({ from, ports }, index) => readRule('ingress', index, { peers: from, ports }, namespace, reports)),
    ...(spec?.egress ?? []).map(({ to, ports }, index) => readRule('egress', index, { peers: to, ports }, namespace, reports)),
  ];
  const pods = readSelector(spec?.podSelector, ['spec', 'podSelector'], podKeys, reports.report);
  const subject = canonicalSelector([requireLabel(derivedKeys.namespace, namespace), ...pods]);
  // A policy applies to the directions among its types only: rules of another one are dead letters, not allowances.
  const live = rules.filter(({ section }) => isolates[section as 'ingress' | 'egress']);
  return {
    reference: { kind: 'NetworkPolicy', namespace, name: metadata.name, uid: metadata.uid ?? '' },
    specs: [{ specIndex: 0, subject, isolates, rules: live }],
  };
}
