import fc from 'fast-check';
import type { LabelSelector } from '../selector.ts';
import { namespaceLabels, namespaces, podLabels, serviceAccounts } from './vocabulary.ts';

type Vocabulary = Readonly<Record<string, readonly string[]>>;
type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

/** Now and then `null`, as YAML gives a key without a value. */
export const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 15 });

const rarely = <T>(arbitrary: fc.Arbitrary<T>) => ({ weight: 1, arbitrary });
const often = <T>(arbitrary: fc.Arbitrary<T>) => ({ weight: 4, arbitrary });

function requirement(vocabulary: Vocabulary): fc.Arbitrary<Requirement> {
  return fc.constantFrom(...Object.entries(vocabulary)).chain(([key, values]) =>
    fc.oneof(
      fc.record({
        key: fc.constant(key),
        operator: fc.constantFrom('In' as const, 'NotIn' as const),
        values: fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }),
      }),
      fc.record({ key: fc.constant(key), operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) }),
    ),
  );
}

function matchLabels(vocabulary: Vocabulary, maxKeys: number): fc.Arbitrary<Record<string, string>> {
  const pair = fc
    .constantFrom(...Object.entries(vocabulary))
    .chain(([key, values]) => fc.tuple(fc.constant(key), fc.constantFrom(...values)));
  return fc.array(pair, { minLength: 1, maxLength: maxKeys }).map((pairs) => Object.fromEntries(pairs));
}

function selector(vocabulary: Vocabulary): fc.Arbitrary<LabelSelector> {
  const expressions = fc.array(requirement(vocabulary), { minLength: 1, maxLength: 2 });
  return fc.oneof(
    often(fc.record({ matchLabels: matchLabels(vocabulary, 1) })),
    rarely(fc.record({ matchLabels: matchLabels(vocabulary, 2) })),
    often(fc.record({ matchExpressions: expressions })),
    rarely(fc.record({ matchLabels: matchLabels(vocabulary, 1), matchExpressions: expressions })),
    rarely(fc.constantFrom({ matchLabels: {} }, { matchExpressions: [] })),
    { weight: 3, arbitrary: fc.constant({}) },
  );
}

/** Kubernetes `podSelector`; now and then by a key that only Cilium's identities have, which matches nobody. */
export const podSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  { weight: 20, arbitrary: selector(podLabels) },
  { weight: 1, arbitrary: selector({ 'io.kubernetes.pod.namespace': namespaces, 'io.cilium.k8s.policy.cluster': ['default'] }) },
);

/** Kubernetes `namespaceSelector`. */
export const namespaceSelector: fc.Arbitrary<LabelSelector> = selector({ ...namespaceLabels, 'kubernetes.io/metadata.name': namespaces });

const accountKey = 'io.cilium.k8s.policy.serviceaccount';
const namesOfNamespace: Vocabulary = {
  'io.kubernetes.pod.namespace': namespaces,
  'k8s:io.kubernetes.pod.namespace': namespaces,
  'io.cilium.k8s.namespace.labels.team': namespaceLabels.team,
  'k8s:io.cilium.k8s.namespace.labels.env': namespaceLabels.env,
  'k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name': namespaces,
};
const prefixed: Vocabulary = {
  'container:app': podLabels.app,
  'k8s:app': podLabels.app,
  'any:tier': podLabels.tier,
  [accountKey]: serviceAccounts.slice(1),
};

/** Cilium `endpointSelector` of a CiliumNetworkPolicy: by labels of the endpoints of its namespace. */
export const subjectSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  often(selector(podLabels)),
  rarely(selector({ ...podLabels, ...prefixed })),
);

/** Cilium endpoint selector that may name namespaces: a peer, or the subject of a CiliumClusterwideNetworkPolicy. */
export const endpointSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  often(subjectSelector),
  rarely(selector(namesOfNamespace)),
  rarely(selector({ ...podLabels, ...prefixed, ...namesOfNamespace })),
);
