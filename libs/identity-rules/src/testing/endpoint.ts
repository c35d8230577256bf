import type { Assignment, EndpointSpec } from '../endpoint.ts';

/** A pod as tests describe it. */
export const spec: EndpointSpec = {
  uid: 'uid-1',
  namespace: 'shop',
  name: 'web',
  labels: { app: 'web' },
  namespaceLabels: {},
  serviceAccount: '',
  namedPorts: [],
  netns: '/run/netns/web',
  interfaceName: 'eth0',
  addresses: [],
};

/** What the allocator answers: this number for labels of its own, the addresses published under it. */
export function assignment(identity: number): Assignment {
  const revision = { incarnation: 1n, counter: BigInt(identity) };
  return { identity, labels: [`k8s:number=${identity}`], revision, published: revision };
}
