/**
 * The node that is measured, as its control plane knows it: a server, clients, and beside them other pods of the node and of the cluster, each with policies, so that every table holds what
 * tables hold on a node that is in use.
 */
import { identityLabels } from '@myelin/labels';
import { parseManifests } from '@myelin/manifest';
import { compilePolicies } from '@myelin/policy-compile';
import type { CompiledPolicy } from '@myelin/policy-model';
import { parsePolicy } from '@myelin/policy-parse';

/** Pods that send. They share one identity and so one policy. */
export const clientCount = 16;
/** Further applications: one pod on this node and `remotePods` on others, each with a policy of its own. */
const otherApps = 100;
const remotePods = 20;

/** Destination ports of the server. */
export const ports = {
  /** The first of four that the server allows. */
  allowed: 8000,
  /** The client may send there, the server doesn't listen to it: denied at ingress. */
  deniedAtIngress: 8443,
  /** The client may not send there: denied at egress. */
  deniedAtEgress: 9000,
} as const;

/** The cluster's ranges. */
export const clusterRanges = ['10.244.0.0/16', 'fd00:10:244::/48', '192.168.7.0/24', 'fd00:192:168:7::/64'] as const;

/** A pod: its identity, and on this node or another one. */
export interface WorkloadPod {
  readonly identity: number;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** All that a control plane would tell the node. */
export interface Workload {
  readonly server: WorkloadPod;
  readonly clients: readonly WorkloadPod[];
  readonly others: readonly WorkloadPod[];
  readonly remote: readonly WorkloadPod[];
  /** On another node: it may talk to the server as the clients may. */
  readonly remoteClient: WorkloadPod;
  readonly identities: readonly number[];
  readonly policies: readonly CompiledPolicy[];
}

const firstIdentity = 256;
const identityOf = { server: firstIdentity, client: firstIdentity + 1, app: (number: number) => firstIdentity + 2 + number } as const;

/** Makes it, by the code that makes it in production. */
export function makeWorkload(): Workload {
  const apps = Array.from({ length: otherApps }, (_, number) => number);
  const identities = new Map([
    [identityOf.server, labelsOf('server')],
    [identityOf.client, labelsOf('client')],
    ...apps.map((number): [number, readonly string[]] => [identityOf.app(number), labelsOf(`app-${number}`)]),
  ]);
  const pods = podNumbering();
  return {
    server: pods(identityOf.server),
    clients: Array.from({ length: clientCount }, () => pods(identityOf.client)),
    others: apps.map((number) => pods(identityOf.app(number))),
    remote: apps.flatMap((number) => Array.from({ length: remotePods }, () => pods(identityOf.app(number)))),
    remoteClient: pods(identityOf.client),
    identities: [...identities.keys()],
    policies: compilePolicies(identities, readPolicies([serverPolicy, clientPolicy, ...apps.map(appPolicy)].join('\n---\n'))),
  };
}

/** Pods get addresses one after the other. */
function podNumbering(): (identity: number) => WorkloadPod {
  let last = 1;
  return (identity) => {
    last += 1;
    return { identity, ipv4: `10.244.${last >> 8}.${last & 255}`, ipv6: `fd00:10:244::${last.toString(16)}` };
  };
}

function labelsOf(app: string): readonly string[] {
  return identityLabels({
    namespace: 'bench',
    labels: { app },
    namespaceLabels: {},
    serviceAccount: '',
    cluster: 'default',
    namedPorts: [],
  });
}

function readPolicies(text: string) {
  const { manifests, errors } = parseManifests([{ file: 'workload.ts', text }]);
  const parsed = manifests.map(parsePolicy);
  const refused = [...errors, ...parsed.flatMap((one) => (one.ok ? [] : one.errors))];
  if (refused.length > 0) throw new Error(`the bench's own policies are refused: ${refused[0]!.message} at ${refused[0]!.path}`);
  return parsed.flatMap((one) => (one.ok ? [one.policy] : []));
}

// The ipBlocks cover the pods too: their class is looked up, so that a decision takes all three look-ups (identity, class, anybody).
const serverPolicy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: bench, name: server}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
    ports: [{port: ${ports.allowed}, endPort: ${ports.allowed + 15}}]
  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.250.0.0/16]}}]
    ports: [{port: 9100}]
`;

const clientPolicy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: bench, name: client}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: server}}}]
    ports: [{port: ${ports.allowed}, endPort: ${ports.allowed + 15}}, {port: ${ports.deniedAtIngress}}]
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.250.0.0/16]}}]
    ports: [{port: 53, protocol: UDP}]
`;

/** Each application takes calls from ten others, and calls two services outside. */
function appPolicy(number: number): string {
  const callers = Array.from({ length: 10 }, (_, step) => `app-${(number + step + 1) % otherApps}`);
  return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: bench, name: app-${number}}
spec:
  podSelector: {matchLabels: {app: app-${number}}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [${callers.map((app) => `{podSelector: {matchLabels: {app: ${app}}}}`).join(', ')}]
    ports: [{port: 80}, {port: 443}, {port: 8080, endPort: 8089}]
  egress:
  - to: [{podSelector: {}}]
    ports: [{port: 443}]
  - to: [{ipBlock: {cidr: 203.0.113.${number}/32}}, {ipBlock: {cidr: 198.51.${number}.0/24}}]
    ports: [{port: 443}]
`;
}
