import Table from 'cli-table3';
import { LabClients } from '../cluster/clients.ts';
import { type Lab, runningLab } from '../cluster/lab.ts';
import { agentStatus } from '../cluster/node.ts';
import { isAlive } from '../machine/process.ts';
import { fabric } from '../plan/address-plan.ts';
import { type LabService, podKey } from '../plan/objects.ts';
import { agentSocket } from '../plan/paths.ts';
import type { PodState } from '../plan/state.ts';
import type { CommandContext } from './command-context.ts';

/** What `status --json` prints. */
export interface LabStatus {
  readonly outside: { readonly addresses: readonly string[] };
  readonly nodes: readonly {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly podCIDRs: readonly string[];
    /** `message`: what is missing where it isn't ready. */
    readonly agent: { readonly socket: string; readonly pid: number | null; readonly ready: boolean; readonly message: string };
  }[];
  readonly services: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly type: string;
    readonly clusterIPs: readonly string[];
    /** `80/TCP`. */
    readonly ports: readonly string[];
  }[];
  readonly pods: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly node: string;
    readonly addresses: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly identity: number;
    /** As the agent says; `failed` where it couldn't be started, `unknown` where the agent doesn't answer. */
    readonly state: string;
    readonly message: string;
  }[];
}

/** `status [--json]`. */
export async function status({ config, print }: CommandContext, json: boolean): Promise<number> {
  const lab = runningLab(config);
  using clients = new LabClients(lab);
  const found = await readStatus(lab, clients);
  print(json ? JSON.stringify(found, null, 2) : describe(found));
  return 0;
}

/** Asks all agents. */
export async function readStatus({ state, paths }: Lab, clients: LabClients): Promise<LabStatus> {
  const endpoints = new Map<string, { identity: number; state: string; message: string }>();
  const silent = new Set<string>();
  const nodes = await Promise.all(
    state.nodes.map(async ({ name, addresses, podCidrs, agent }) => {
      const answer = await agentStatus(clients, name);
      if (answer.ok)
        for (const endpoint of (await clients.agent(name).listEndpoints({})).endpoints) endpoints.set(endpoint.spec!.uid, endpoint);
      else silent.add(name);
      const pid = agent !== null && isAlive(agent) ? agent.pid : null;
      const message = answer.ok ? answer.status.missing.join('; ') : answer.reason;
      return {
        name,
        addresses,
        podCIDRs: podCidrs,
        agent: { socket: agentSocket(paths, name), pid, ready: answer.ok && answer.status.ready, message },
      };
    }),
  );
  const pods = state.pods.map((pod) => {
    const { namespace, name, labels } = pod.manifest;
    return {
      namespace,
      name,
      node: pod.node,
      addresses: pod.addresses,
      labels,
      ...stateOf(pod, endpoints.get(pod.uid), silent.has(pod.node)),
    };
  });
  return { outside: { addresses: fabric.outside }, nodes, services: state.services.map(serviceStatus), pods };
}

const serviceStatus = ({ service: { namespace, name, type, clusterIps, ports } }: LabService) => ({
  namespace,
  name,
  type,
  clusterIPs: clusterIps,
  ports: ports.map(({ port, protocol }) => `${port}/${protocol}`),
});

function stateOf(pod: PodState, endpoint: { identity: number; state: string; message: string } | undefined, isSilent: boolean) {
  const { identity, failure } = pod;
  if (failure !== null) return { identity, state: 'failed', message: failure };
  if (pod.manifest.hostNetwork) return { identity, state: 'ready', message: '' };
  if (isSilent) return { identity, state: 'unknown', message: 'the agent does not answer' };
  if (endpoint === undefined) return { identity, state: 'failed', message: 'the agent has no such endpoint' };
  return { identity: endpoint.identity, state: endpoint.state, message: endpoint.message };
}

function describe({ outside, nodes, services, pods }: LabStatus): string {
  const plain = { head: [], border: [] };
  const nodeTable = new Table({ head: ['node', 'addresses', 'pod ranges', 'agent'], style: plain });
  for (const { name, addresses, podCIDRs, agent } of nodes)
    nodeTable.push([name, addresses.join('\n'), podCIDRs.join('\n'), agent.ready ? `ready (${agent.pid})` : agent.message || 'not ready']);
  const serviceTable = new Table({ head: ['service', 'type', 'ClusterIPs', 'ports'], style: plain });
  for (const service of services)
    serviceTable.push([podKey(service), service.type, service.clusterIPs.join('\n') || 'none', service.ports.join('\n')]);
  const podTable = new Table({ head: ['pod', 'node', 'addresses', 'identity', 'state'], style: plain });
  for (const pod of pods)
    podTable.push([
      podKey(pod),
      pod.node,
      pod.addresses.join('\n'),
      String(pod.identity),
      pod.message === '' ? pod.state : `${pod.state}: ${pod.message}`,
    ]);
  return [
    `outside: ${outside.addresses.join(', ')}`,
    nodeTable.toString(),
    ...(services.length === 0 ? [] : [serviceTable.toString()]),
    ...(pods.length === 0 ? ['no pods'] : [podTable.toString()]),
  ].join('\n');
}
