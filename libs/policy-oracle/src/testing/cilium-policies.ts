import fc from 'fast-check';
import type { CiliumPort, CiliumRule, CiliumSpec } from '../manifests.ts';
import type { LabelSelector } from '../selector.ts';
import { prefixOrAddress, prefixWithExceptions } from './prefixes.ts';
import { endpointSelector, orNull, subjectSelector } from './selectors.ts';
import { policyPortNames, portNumbers } from './vocabulary.ts';

const entities = [
  'all',
  'world',
  'world-ipv4',
  'world-ipv6',
  'cluster',
  'host',
  'remote-node',
  'none',
  'kube-apiserver',
  'ingress',
  'init',
  'health',
  'unmanaged',
];

const range = fc
  .tuple(fc.constantFrom(...portNumbers), fc.constantFrom(0, 1, 10, 65535))
  .map(([first, more]) => ({ port: String(first), endPort: Math.min(first + more, 65535) }));

const port: fc.Arbitrary<CiliumPort> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ port: fc.constantFrom(...portNumbers.map(String)) }) },
      { weight: 4, arbitrary: range },
      { weight: 4, arbitrary: fc.record({ port: fc.constantFrom(...policyPortNames) }) },
      { weight: 1, arbitrary: fc.constant({ port: '0' }) },
    ),
    fc.record({ protocol: fc.constantFrom('TCP', 'UDP', 'SCTP', 'ANY') }, { requiredKeys: [] }),
  )
  .map(([numbers, also]) => ({ ...numbers, ...also }));

const toPorts: fc.Arbitrary<NonNullable<CiliumRule['toPorts']> | null> = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.record({ ports: fc.array(port, { minLength: 1, maxLength: 3 }) }), { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom<{ ports: CiliumPort[] }[] | null>([], null) },
);

type Direction = 'from' | 'to';

/** The one L3 list of a rule; Cilium refuses two. Now and then an empty one beside it, which selects nobody. */
function peers(direction: Direction): fc.Arbitrary<CiliumRule> {
  const list = (name: string, item: fc.Arbitrary<unknown>) =>
    fc.array(item, { minLength: 1, maxLength: 2 }).map((some): CiliumRule => ({ [`${direction}${name}`]: some }));
  const name = fc.constantFrom('Endpoints', 'Entities', 'CIDR', 'CIDRSet');
  const empty = name.map((one): CiliumRule => ({ [`${direction}${one}`]: [] }));
  const absent = name.map((one): CiliumRule => ({ [`${direction}${one}`]: null }));
  const filled = fc.oneof(
    { weight: 3, arbitrary: list('Endpoints', endpointSelector) },
    { weight: 3, arbitrary: list('Entities', fc.constantFrom(...entities)) },
    { weight: 1, arbitrary: list('CIDR', prefixOrAddress) },
    { weight: 2, arbitrary: list('CIDRSet', prefixWithExceptions) },
  );
  return fc.oneof(
    { weight: 16, arbitrary: filled },
    { weight: 3, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: absent },
    { weight: 2, arbitrary: empty },
    { weight: 1, arbitrary: fc.tuple(filled, empty).map(([some, none]) => ({ ...some, ...none })) },
  );
}

function rule(direction: Direction): fc.Arbitrary<CiliumRule> {
  const ports = fc.record({ toPorts }, { requiredKeys: [] });
  return fc.tuple(peers(direction), ports).map(([l3, l4]) => enforceable({ ...l3, ...l4 }));
}

/** README, decision 16: names beside prefixes are refused at egress, so numbers stand in for them. */
function enforceable({ toPorts: entries, ...rule }: CiliumRule): CiliumRule {
  if (entries == null) return entries === null ? { ...rule, toPorts: entries } : rule;
  const hasPrefixes = [rule.toCIDR, rule.toCIDRSet].some((list) => (list ?? []).length > 0);
  const numbered = (one: CiliumPort) => (policyPortNames.includes(String(one.port)) ? { ...one, port: String(portNumbers[2]) } : one);
  return { ...rule, toPorts: hasPrefixes ? entries.map(({ ports }) => ({ ports: (ports ?? []).map(numbered) })) : entries };
}

const section = (direction: Direction) => orNull(fc.array(rule(direction), { maxLength: 2 }));

/** Sections that are absent, empty or hold rules; at least one holds a rule, as Cilium wants it. */
const sections = fc
  .record(
    { ingress: section('from'), egress: section('to'), ingressDeny: section('from'), egressDeny: section('to') },
    { requiredKeys: [] },
  )
  .filter((some) => Object.values(some).some((rules) => (rules ?? []).length > 0));

const enableDefaultDeny = fc.record({ ingress: fc.boolean(), egress: fc.boolean() }, { requiredKeys: [] });

function spec(subject: fc.Arbitrary<LabelSelector>): fc.Arbitrary<CiliumSpec> {
  const defaultDeny = fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.record({ enableDefaultDeny }) });
  return fc.tuple(subject, sections, defaultDeny).map(([selector, rules, more]) => ({ endpointSelector: selector, ...rules, ...more }));
}

function specs(one: fc.Arbitrary<CiliumSpec>): fc.Arbitrary<{ spec?: CiliumSpec; specs?: CiliumSpec[] }> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ spec: one }) },
    { weight: 1, arbitrary: fc.record({ specs: fc.array(one, { minLength: 1, maxLength: 2 }) }) },
    { weight: 1, arbitrary: fc.record({ spec: one, specs: fc.array(one, { minLength: 1, maxLength: 2 }) }) },
  );
}

function document(kind: string, metadata: fc.Arbitrary<object>, subject: fc.Arbitrary<LabelSelector>): fc.Arbitrary<unknown> {
  return fc.tuple(metadata, specs(spec(subject))).map(([meta, body]) => ({ apiVersion: 'cilium.io/v2', kind, metadata: meta, ...body }));
}

/** CiliumNetworkPolicy of the given name in one of the namespaces. */
export function ciliumPolicy(name: string, namespaces: readonly string[]): fc.Arbitrary<unknown> {
  const metadata = fc.record({ name: fc.constant(name), namespace: fc.constantFrom(...namespaces) });
  return document('CiliumNetworkPolicy', metadata, subjectSelector);
}

/** CiliumClusterwideNetworkPolicy of the given name. */
export function clusterwidePolicy(name: string): fc.Arbitrary<unknown> {
  return document('CiliumClusterwideNetworkPolicy', fc.constant({ name }), endpointSelector);
}
