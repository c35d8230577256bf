import { identityLabels } from '@myelin/labels';
import fc from 'fast-check';
import {
  type Entity,
  entities,
  type LabelRequirement,
  type LabelSelector,
  type Peer,
  type Policy,
  type PolicySpec,
  type PortMatch,
  type Rule,
} from '../source.ts';

/*
 * Random policies and identities for property tests: few names, numbers and prefixes, so that rules meet, overlap and contradict each other.
 */

const namespaces = ['shop', 'lab'] as const;
const apps = ['web', 'api', 'db'] as const;

/** Numbers of the identities that occur. */
export const identityNumbers = [256, 257, 258, 259, 260, 261] as const;

/** Labels of an identity: a pod of one of two namespaces with some named ports. */
export const podLabels: fc.Arbitrary<readonly string[]> = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    app: fc.constantFrom(...apps),
    tier: fc.option(fc.constantFrom('front', 'back')),
    namedPorts: fc.array(
      fc.record({
        name: fc.constantFrom('http', 'dns'),
        number: fc.constantFrom(53, 80, 81, 8080),
        protocol: fc.constantFrom('TCP', 'UDP'),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ namespace, app, tier, namedPorts }) =>
    identityLabels({
      namespace,
      labels: { app, ...(tier === null ? {} : { tier }) },
      namespaceLabels: { team: namespace === 'shop' ? 'red' : 'blue' },
      serviceAccount: '',
      cluster: 'lab',
      namedPorts: namedPorts as { name: string; number: number; protocol: 'TCP' | 'UDP' }[],
    }),
  );

/** Prefixes that occur; they nest, touch and share first addresses. Pods are in 10.244.0.0/16 and fd00:244::/32. */
export const prefixes = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.244.0.0/16',
  '10.244.1.0/24',
  '198.51.100.0/24',
  '198.51.100.0/25',
  '198.51.100.7/32',
  '203.0.113.0/24',
  '::/0',
  'fd00:244::/32',
  '2001:db8::/32',
  '2001:db8:1::/48',
  '2001:db8:1::7/128',
] as const;

const nested: Readonly<Record<string, readonly string[]>> = {
  '0.0.0.0/0': ['10.0.0.0/8', '198.51.100.0/25', '203.0.113.0/24'],
  '10.0.0.0/8': ['10.244.0.0/16', '10.244.1.0/24'],
  '10.244.0.0/16': ['10.244.1.0/24'],
  '198.51.100.0/24': ['198.51.100.0/25', '198.51.100.7/32'],
  '::/0': ['fd00:244::/32', '2001:db8:1::/48'],
  '2001:db8::/32': ['2001:db8:1::/48', '2001:db8:1::7/128'],
};

const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record({
    source: fc.constantFrom<LabelRequirement['source'][]>('k8s', 'any'),
    key: fc.constantFrom('app', 'io.cilium.k8s.namespace.labels.team'),
    operator: fc.constantFrom<LabelRequirement['operator'][]>('In', 'NotIn'),
    values: fc.subarray(['api', 'blue', 'red', 'web'], { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    source: fc.constantFrom<LabelRequirement['source'][]>('k8s', 'any', 'reserved'),
    key: fc.constantFrom('tier', 'app', 'host', 'remote-node', 'world-ipv4'),
    operator: fc.constantFrom<LabelRequirement['operator'][]>('Exists', 'DoesNotExist'),
    values: fc.constant([]),
  }),
);

const inNamespace = fc
  .constantFrom(...namespaces)
  .map((namespace): LabelSelector => [{ source: 'k8s', key: 'io.kubernetes.pod.namespace', operator: 'In', values: [namespace] }]);

const selector: fc.Arbitrary<LabelSelector> = fc
  .tuple(
    fc.array(requirement, { maxLength: 2 }),
    fc.oneof({ weight: 3, arbitrary: inNamespace }, { weight: 1, arbitrary: fc.constant([]) }),
  )
  .map(([some, place]) => [...some, ...place]);

const prefixPeer = fc
  .record({ kind: fc.constantFrom<('cidr' | 'ipBlock')[]>('cidr', 'ipBlock'), prefix: fc.constantFrom(...prefixes) })
  .chain(({ kind, prefix }) => fc.subarray([...(nested[prefix] ?? [])]).map((except): Peer => ({ kind, prefix, except: except.sort() })));

const peer: fc.Arbitrary<Peer> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Peer>({ kind: 'any' }) },
  { weight: 4, arbitrary: selector.map((one): Peer => ({ kind: 'endpoints', selector: one })) },
  { weight: 2, arbitrary: fc.constantFrom(...entities).map((entity: Entity): Peer => ({ kind: 'entity', entity })) },
  { weight: 3, arbitrary: prefixPeer },
);

const protocol = fc.constantFrom<PortMatch['protocol'][]>('TCP', 'UDP', 'SCTP');
const portNumber = fc.constantFrom(1, 53, 80, 81, 443, 8080, 65535);
const portMatch: fc.Arbitrary<PortMatch> = fc.oneof(
  fc.record({ protocol, ports: fc.constant(null) }),
  fc
    .record({ protocol, a: portNumber, b: portNumber })
    .map(({ protocol: name, a, b }) => ({ protocol: name, ports: { first: Math.min(a, b), last: Math.max(a, b) } })),
  fc.record({ protocol, a: portNumber }).map(({ protocol: name, a }) => ({ protocol: name, ports: { first: a, last: a } })),
  fc.record({ protocol, portName: fc.constantFrom('http', 'dns') }),
);

const ruleOf = fc.record({
  section: fc.constantFrom<Rule['section'][]>('ingress', 'ingress', 'egress', 'egress', 'ingressDeny', 'egressDeny'),
  peers: fc.array(peer, { maxLength: 3 }),
  ports: fc.option(fc.array(portMatch, { maxLength: 3 })),
});

const spec = fc.record({
  subject: selector,
  isolates: fc.record({ ingress: fc.boolean(), egress: fc.boolean() }),
  rules: fc.array(ruleOf, { maxLength: 4 }),
});

/** A policy under one of few names, so that some replace others. */
export const policy: fc.Arbitrary<Policy> = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    name: fc.constantFrom('a', 'b', 'c'),
    specs: fc.array(spec, { minLength: 1, maxLength: 2 }),
  })
  .map(({ namespace, name, specs }) => ({
    reference: { kind: 'CiliumNetworkPolicy', namespace, name, uid: `${namespace}-${name}` },
    specs: specs.map(
      ({ subject, isolates, rules }, specIndex): PolicySpec => ({
        specIndex,
        subject,
        isolates,
        rules: rules.map((rule, ruleIndex) => ({ ...rule, ruleIndex })),
      }),
    ),
  }));

/** Identities and policies that exist together; of policies with one name the last. */
export const world: fc.Arbitrary<{ readonly identities: ReadonlyMap<number, readonly string[]>; readonly policies: readonly Policy[] }> =
  fc.record({
    identities: fc
      .tuple(...identityNumbers.map(() => podLabels))
      .map((all) => new Map(all.map((labels, index) => [identityNumbers[index]!, labels] as const))),
    policies: fc.uniqueArray(policy, { maxLength: 4, selector: ({ reference }) => reference.uid }),
  });
