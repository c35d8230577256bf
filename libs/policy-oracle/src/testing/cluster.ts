import fc from 'fast-check';
import type { OracleEndpoint, OracleWorld } from '../world.ts';
import { endpointAddresses, namespaceLabels, namespaces, nodeAddresses, podLabels, portNames, serviceAccounts } from './vocabulary.ts';

/** Who is there, before any policy. */
export type Cluster = Omit<OracleWorld, 'policies'>;

type NamedPort = OracleEndpoint['namedPorts'][number];

/** Some of the keys, each with one of its values. */
function labels(vocabulary: Readonly<Record<string, readonly string[]>>): fc.Arbitrary<Record<string, string>> {
  const some = fc.subarray(Object.entries(vocabulary));
  return some.chain((drawn) => fc.record(Object.fromEntries(drawn.map(([key, values]) => [key, fc.constantFrom(...values)]))));
}

// A pod that claims another namespace or account on itself must not be believed.
const forgedLabels = fc.record(
  { 'io.kubernetes.pod.namespace': fc.constantFrom(...namespaces), 'io.cilium.k8s.policy.serviceaccount': fc.constantFrom('robot') },
  { requiredKeys: [] },
);

const ownLabels = fc.oneof(
  { weight: 9, arbitrary: labels(podLabels) },
  { weight: 1, arbitrary: fc.tuple(labels(podLabels), forgedLabels).map(([own, forged]) => ({ ...own, ...forged })) },
);

const namedPort: fc.Arbitrary<NamedPort> = fc
  .constantFrom(...Object.entries(portNames))
  .chain(([name, { numbers, protocols }]) =>
    fc.record({ name: fc.constant(name), port: fc.constantFrom(...numbers), protocol: fc.constantFrom(...protocols) }),
  );

// Containers of one pod may give one name to several ports: rare, and never twice the same.
const namedPorts = fc.oneof(
  { weight: 5, arbitrary: fc.uniqueArray(namedPort, { maxLength: 3, selector: ({ name }) => name }) },
  {
    weight: 1,
    arbitrary: fc.uniqueArray(namedPort, { maxLength: 3, selector: ({ name, port, protocol }) => `${name}/${port}/${protocol}` }),
  },
);

const endpointDraft = fc.record({
  namespace: fc.nat(),
  node: fc.nat(),
  labels: ownLabels,
  serviceAccount: fc.constantFrom(...serviceAccounts),
  namedPorts,
});

/** 3–8 endpoints with addresses of both families in 2–3 namespaces on 1–2 nodes. */
export const cluster: fc.Arbitrary<Cluster> = fc
  .record({
    namespaces: fc.tuple(labels(namespaceLabels), labels(namespaceLabels), fc.option(labels(namespaceLabels), { nil: undefined })),
    nodes: fc.integer({ min: 1, max: 2 }),
    endpoints: fc.array(endpointDraft, { minLength: 3, maxLength: 8 }),
  })
  .map((draft) => {
    const spaces = draft.namespaces.filter((own) => own !== undefined).map((own, index) => ({ name: namespaces[index]!, labels: own }));
    const nodes = Array.from({ length: draft.nodes }, (_, index) => ({ name: `node-${index + 1}`, addresses: nodeAddresses(index + 1) }));
    const endpoints = draft.endpoints.map((endpoint, index): OracleEndpoint => {
      const space = spaces[endpoint.namespace % spaces.length]!;
      const node = endpoint.node % nodes.length;
      return {
        namespace: space.name,
        name: `pod-${index + 1}`,
        labels: endpoint.labels,
        namespaceLabels: space.labels,
        serviceAccount: endpoint.serviceAccount,
        namedPorts: endpoint.namedPorts,
        addresses: endpointAddresses(node + 1, index + 1),
        node: nodes[node]!.name,
      };
    });
    return { endpoints, nodes };
  });
