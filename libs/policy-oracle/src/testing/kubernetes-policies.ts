import fc from 'fast-check';
import type { KubernetesPeer, KubernetesPort, KubernetesRule } from '../manifests.ts';
import { prefixWithExceptions } from './prefixes.ts';
import { namespaceSelector, orNull, podSelector } from './selectors.ts';
import { policyPortNames, portNumbers } from './vocabulary.ts';

const protocol = fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const);

const peer: fc.Arbitrary<KubernetesPeer> = fc.oneof(
  fc.record({ podSelector }),
  fc.record({ namespaceSelector }),
  fc.record({ namespaceSelector, podSelector }),
  { weight: 2, arbitrary: fc.record({ ipBlock: prefixWithExceptions }) },
);

const range = fc
  .tuple(fc.constantFrom(...portNumbers), fc.constantFrom(0, 1, 10, 65535))
  .map(([port, more]) => ({ port, endPort: Math.min(port + more, 65535) }));

const port: fc.Arbitrary<KubernetesPort> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ port: fc.constantFrom(...portNumbers) }) },
      { weight: 2, arbitrary: range },
      { weight: 2, arbitrary: fc.record({ port: fc.constantFrom(...policyPortNames) }) },
      { weight: 1, arbitrary: fc.constant({}) },
    ),
    fc.record({ protocol }, { requiredKeys: [] }),
  )
  .map(([numbers, also]) => ({ ...numbers, ...also }));

/** Null, an empty list, or some. */
const someOf = <T>(item: fc.Arbitrary<T>) => orNull(fc.array(item, { maxLength: 3 }));

const ingressRule: fc.Arbitrary<KubernetesRule> = fc.record({ from: someOf(peer), ports: someOf(port) }, { requiredKeys: [] });
const egressRule: fc.Arbitrary<KubernetesRule> = fc.record({ to: someOf(peer), ports: someOf(port) }, { requiredKeys: [] });

const spec = fc.record(
  {
    podSelector,
    policyTypes: orNull(fc.subarray(['Ingress' as const, 'Egress' as const])),
    ingress: orNull(fc.array(ingressRule, { maxLength: 2 })),
    egress: orNull(fc.array(egressRule, { maxLength: 2 })),
  },
  { requiredKeys: [] },
);

/** NetworkPolicy of the given name in one of the namespaces. */
export function kubernetesPolicy(name: string, namespaces: readonly string[]): fc.Arbitrary<unknown> {
  return fc.record({
    apiVersion: fc.constant('networking.k8s.io/v1'),
    kind: fc.constant('NetworkPolicy'),
    metadata: fc.record({ name: fc.constant(name), namespace: fc.constantFrom(...namespaces) }),
    spec,
  });
}
