import { benchServices, servicePort } from './services.ts';
import { ports } from './traffic.ts';

/** As issue 9 asks for. */
export const policyCount = 1000;

/**
 * The lab of the measured node: two pods, and `policyCount` NetworkPolicies that select one of the two, each with a port and a range of addresses of its own, so that all of them are in the
 * kernel. Together they let the bench's traffic pass. And, where they are wanted, the Services.
 */
export function labManifests({ withServices }: { readonly withServices: boolean }): string {
  const policies = Array.from({ length: policyCount }, (_, number) => policy(number));
  return [
    'apiVersion: v1\nkind: Node\nmetadata: {name: node}\n',
    ...['client', 'server'].map(
      (name) =>
        `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: bench, labels: {app: ${name}}}\nspec: {containers: [{name: main, ports: [{containerPort: 80}]}]}\n`,
    ),
    ...policies,
    ...(withServices ? serviceManifests() : []),
  ].join('---\n');
}

/** Even ones are the server's for what comes in, odd ones the client's for what goes out. */
function policy(number: number): string {
  const isServer = number % 2 === 0;
  const [own, other, type, section, end] = isServer
    ? (['server', 'client', 'Ingress', 'ingress', 'from'] as const)
    : (['client', 'server', 'Egress', 'egress', 'to'] as const);
  // The first policy of each pod is about the bench's own ports.
  const port = number < 2 ? `{port: ${ports.tcp}}, {port: ${ports.datagrams}, protocol: UDP}` : `{port: ${10_000 + number}}`;
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: bench, name: policy-${number}}
spec:
  podSelector: {matchLabels: {app: ${own}}}
  policyTypes: [${type}]
  ${section}:
  - ${end}: [{podSelector: {matchLabels: {app: ${other}}}}, {ipBlock: {cidr: 198.18.${number >> 8}.${number & 255}/32}}]
    ports: [${port}]
`;
}

/** The measured one selects the server; the others' endpoints are somewhere else, as their slices say. */
function serviceManifests(): readonly string[] {
  return benchServices({ address: '', port: ports.tcp }).flatMap(({ number, address, endpoint, endpointPort, isMeasured }) => {
    const selector = isMeasured ? 'selector: {app: server}, ' : '';
    const slice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: bench, name: svc-${number}-1, labels: {kubernetes.io/service-name: svc-${number}}}
addressType: IPv4
ports: [{name: http, port: ${endpointPort}, protocol: TCP}]
endpoints: [{addresses: [${endpoint}], conditions: {ready: true}}]
`;
    const service = `apiVersion: v1
kind: Service
metadata: {namespace: bench, name: svc-${number}}
spec: {${selector}clusterIP: ${address}, ports: [{name: http, port: ${servicePort}, targetPort: ${endpointPort}, protocol: TCP}]}
`;
    return isMeasured ? [service] : [service, slice];
  });
}
