import type { Endpoint } from '@myelin/contracts/agent';
import { formatRevision, type Revision } from '@myelin/revision';
import type { LabClients } from '../cluster/clients.ts';
import { type Lab, setupIn } from '../cluster/lab.ts';
import { run } from '../machine/process.ts';

/** A node's pods as its agent and its kernel have them, in words, by `namespace/name`. */
export interface KernelView {
  readonly node: string;
  readonly pods: ReadonlyMap<string, string>;
}

type Asked = (of: string, asked: Promise<readonly string[]>) => Promise<readonly string[]>;

const revision = (of: Revision | undefined) => (of === undefined ? '-' : formatRevision(of));

/** What agents and kernels of these nodes say of their pods; a node that doesn't answer has a line about that under no pod's name. */
export async function kernelViews(clients: LabClients, nodes: readonly string[], answer: Asked): Promise<readonly KernelView[]> {
  return Promise.all(
    nodes.map(async (node): Promise<KernelView> => {
      const pods = new Map<string, string>();
      await answer(node, readPods(clients, node, pods));
      return { node, pods };
    }),
  );
}

async function readPods(clients: LabClients, node: string, pods: Map<string, string>): Promise<readonly string[]> {
  const agent = clients.agent(node, 3000);
  const { endpoints } = await agent.listEndpoints({});
  for (const endpoint of endpoints) pods.set(nameOf(endpoint), describeEndpoint(endpoint));
  for await (const { content } of agent.readPolicyTables({})) {
    if (content?.$case !== 'node') continue;
    const { appliedIdentities, endpoints: slots } = content.value;
    for (const { pod, identity, subject, ready } of slots) {
      const bit = appliedIdentities.includes(identity) ? 'applied' : 'NOT applied here';
      const known = pods.get(pod) ?? 'the agent has no such endpoint';
      pods.set(pod, `${known}; kernel: identity ${identity} (${bit}), policy of ${subject}, ${ready ? 'ready' : 'NOT ready'}`);
    }
  }
  return [];
}

const nameOf = ({ spec }: Endpoint) => `${spec?.namespace}/${spec?.name}`;

function describeEndpoint({ state, message, identity, addresses, policyDigest, endpointRevision }: Endpoint): string {
  const why = message === '' ? '' : ` (${message})`;
  return `${state}${why}, identity ${identity}, ${addresses.join(' ')}, policy ${policyDigest || '-'}, published at ${revision(endpointRevision)}`;
}

/** How far a node's agent is, what it misses, and what its kernel has dropped. */
export async function describeNode(lab: Lab, clients: LabClients, node: string): Promise<readonly string[]> {
  const [status, drops, tracking] = await Promise.all([
    clients.agent(node, 3000).getStatus({}),
    dropsOf(lab, node).catch((error: Error) => error.message),
    trackingOf(lab, node).catch((error: Error) => error.message),
  ]);
  const applied = [
    `policies ${revision(status.appliedPolicyRevision)}`,
    `identities ${revision(status.appliedIdentityRevision)}`,
    `endpoints ${revision(status.appliedEndpointRevision)}`,
    `nodes ${revision(status.appliedNodeRevision)}`,
    `services ${revision(status.appliedServiceRevision)}`,
  ];
  const away = status.services.filter(({ connected }) => !connected).map(({ name, error }) => `${name} (${error})`);
  return [
    `${node}: ${status.ready ? 'ready' : `NOT ready: ${status.missing.join(', ')}`}; applied ${applied.join(', ')}`,
    ...(away.length === 0 ? [] : [`  not connected: ${away.join(', ')}`]),
    ...(status.lastError === '' ? [] : [`  last error: ${status.lastError}`]),
    `  dropped since it began: ${drops || 'nothing'}`,
    `  connection tracking: ${tracking || 'has refused nothing'}`,
  ];
}

/** Runs in the node's namespace, where its agent's metrics are. */
const askMetrics =
  "fetch('http://127.0.0.1:9090/metrics', { signal: AbortSignal.timeout(2500) }).then((answer) => answer.text()).then((text) => process.stdout.write(text))";

async function dropsOf(lab: Lab, node: string): Promise<string> {
  const text = await run(setupIn(lab, { kind: 'node', node }), [process.execPath, '-e', askMetrics]);
  const drops = [...text.matchAll(/^myelin_drop_count_total\{(.*)\} (\d+)/gm)].filter(([, , count]) => count !== '0');
  return drops
    .map(
      ([, labels, count]) =>
        `${['direction', 'reason'].map((label) => new RegExp(`${label}="([^"]*)"`).exec(labels!)?.[1]).join(' ')} ${count}`,
    )
    .join(', ');
}

/** Counters of the node's connection tracking that tell of packets that it refused (it serves masquerade). */
async function trackingOf(lab: Lab, node: string): Promise<string> {
  const text = await run(setupIn(lab, { kind: 'node', node }), ['cat', '/proc/net/stat/nf_conntrack']);
  return refusals(text);
}

/** From `/proc/net/stat/nf_conntrack`: names in the first line, then hexadecimal counts of each processor. */
export function refusals(text: string): string {
  const [names = [], ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return ['insert_failed', 'drop', 'early_drop', 'invalid']
    .map((name) => [name, rows.reduce((sum, row) => sum + Number.parseInt(row[names.indexOf(name)] ?? '0', 16), 0)] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
