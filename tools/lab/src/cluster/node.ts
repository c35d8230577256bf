import { mkdirSync } from 'node:fs';
import type { CredentialFiles } from '@myelin/credentials';
import { isMyelinError } from '@myelin/rpc';
import { launch } from '../machine/process.ts';
import { agentBpffs, agentSocket, agentStateDir, logFile } from '../plan/paths.ts';
import { nodePorts } from '../plan/pod-processes.ts';
import type { NodeState } from '../plan/state.ts';
import type { LabClients } from './clients.ts';
import { appBundle, natsUrl, readyOrDead, serviceAddress, serviceReady } from './control-plane.ts';
import { certify, tlsOptions } from './credentials.ts';
import type { Deadline } from './deadline.ts';
import { attachNode, createPlace, routePods } from './fabric.ts';
import { type Lab, whereIs } from './lab.ts';
import { startWorkload } from './workload.ts';

/** Log of a node's agent. */
export const agentLog = (lab: Lab, node: Pick<NodeState, 'name'>) => logFile(lab.paths, `node-agent.${node.name}`);

/** Makes a node, plugs it in, and starts its agent and its test server. The agent isn't ready yet. */
export async function startNode(lab: Lab, node: NodeState): Promise<void> {
  const place = { kind: 'node', node: node.name } as const;
  await createPlace(lab, place);
  await attachNode(lab, node);
  await Promise.all([startAgent(lab, node), startWorkload(lab, place, nodePorts, node.addresses)]);
}

/** Makes the certificate of a node's agent anew. */
export const certifyAgent = (lab: Lab, { name }: NodeState): CredentialFiles => certify(lab, `node-agent.${name}`, { kind: 'node', name });

/** Starts the agent of a node, the first one or the next. */
export async function startAgent(lab: Lab, node: NodeState): Promise<void> {
  const { paths, projectRoot } = lab;
  const folders = { 'state-dir': agentStateDir(paths, node.name), bpffs: agentBpffs(paths, node.name) };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  const options: [string, string][] = [
    ['node', node.name],
    ['node-uid', node.uid],
    ['address', node.addresses.join(',')],
    ...(node.requestedCidrs.length === 0 ? [] : [['pod-cidr', node.requestedCidrs.join(',')] as [string, string]]),
    ['socket', agentSocket(paths, node.name)],
    // In the node's own namespace: the same port on every node.
    ['metrics-listen', '127.0.0.1:9090'],
    ['identity', serviceAddress(lab.state, 'identity-allocator')],
    ['policy', serviceAddress(lab.state, 'policy-compiler')],
    ['ipam', serviceAddress(lab.state, 'ipam')],
    ['nats', natsUrl],
    ...Object.entries(tlsOptions(certifyAgent(lab, node))),
    ...Object.entries(lab.state.network),
    ...Object.entries(folders),
  ];
  const command = [process.execPath, appBundle(projectRoot, 'node-agent'), ...options.flatMap(([name, value]) => [`--${name}`, value])];
  node.agent = await launch(whereIs(lab, { kind: 'node', node: node.name }), command, { log: agentLog(lab, node), cwd: paths.root });
}

/** Resolves when a node's agent is ready; then the fabric knows the way to its pods. */
export async function nodeReady(lab: Lab, node: NodeState, clients: LabClients, deadline: Deadline): Promise<void> {
  const name = `node-agent of ${node.name}`;
  await readyOrDead(
    name,
    node.agent!,
    agentLog(lab, node),
    () => serviceReady(clients, name, agentSocket(lab.paths, node.name), deadline),
    deadline,
  );
  const { podCidrs } = await clients.agent(node.name).getStatus({});
  node.podCidrs = podCidrs;
  await routePods(lab, node);
}

/** What a node's agent says of itself; the reason when it doesn't answer. */
export async function agentStatus(clients: LabClients, node: string) {
  try {
    return { ok: true as const, status: await clients.agent(node, 1000).getStatus({}) };
  } catch (error) {
    if (!isMyelinError(error)) throw error;
    return { ok: false as const, reason: error.message };
  }
}
