import { rmSync } from 'node:fs';
import type { EndpointSpec } from '@myelin/contracts/agent';
import { LabFailure } from '../failure.ts';
import { makeCgroup, removeCgroup } from '../machine/cgroup.ts';
import { deleteNetns } from '../machine/netns.ts';
import { launch } from '../machine/process.ts';
import { namedPorts } from '../plan/changes.ts';
import { netnsName, type Place } from '../plan/names.ts';
import { type LabPod, podKey } from '../plan/objects.ts';
import { placeLog, workloadSocket } from '../plan/paths.ts';
import { podProcesses } from '../plan/pod-processes.ts';
import type { PodState } from '../plan/state.ts';
import { type LabClients, untilAnswered } from './clients.ts';
import type { Deadline } from './deadline.ts';
import { createPlace } from './fabric.ts';
import { type Lab, whereIs } from './lab.ts';
import { startWorkload } from './workload.ts';

/** Identity of a pod that shares its node's network: `host`. */
const hostIdentity = 1;

/** The place of a pod. One with `hostNetwork` has a cgroup of its own, but its node's network. */
export const podPlace = ({ node, manifest: { namespace, name, hostNetwork } }: PodState): Place => ({
  kind: 'pod',
  node,
  namespace,
  name,
  hostNetwork,
});

const nameOf = ({ node, manifest }: PodState) => `node ${node}: Pod ${podKey(manifest)}`;

/** What pods are worked on with. */
export interface PodContext {
  readonly lab: Lab;
  readonly clients: LabClients;
  readonly deadline: Deadline;
}

const endpointSpec = (lab: Lab, pod: PodState, manifest: LabPod): EndpointSpec => ({
  uid: pod.uid,
  namespace: manifest.namespace,
  name: manifest.name,
  labels: { ...manifest.labels },
  namespaceLabels: { ...lab.state.namespaces[manifest.namespace] },
  serviceAccount: manifest.serviceAccount,
  namedPorts: namedPorts(manifest.containers).map(({ name, port, protocol }) => ({ name, port, protocol })),
  netns: whereIs(lab, podPlace(pod)).netns,
  interfaceName: 'eth0',
  addresses: [...manifest.addresses],
});

/**
 * Plays kubelet for a new pod: namespace and cgroup, the agent's endpoint, then its processes. Resolves when its policy is enforced and its test server
 * listens. A pod that can't be is marked with the reason, and the others go on.
 */
export async function startPod({ lab, clients, deadline }: PodContext, pod: PodState): Promise<void> {
  await attempt(pod, async () => {
    const place = podPlace(pod);
    if (pod.manifest.hostNetwork) {
      const node = lab.state.nodes.find(({ name }) => name === pod.node)!;
      pod.addresses = node.addresses;
      pod.identity = hostIdentity;
    } else {
      await createPlace(lab, place);
      const spec = endpointSpec(lab, pod, pod.manifest);
      const { endpoint } = await untilAnswered(deadline, nameOf(pod), () => clients.agent(pod.node).createEndpoint({ spec }));
      pod.addresses = endpoint?.addresses ?? [];
      pod.identity = endpoint?.identity ?? 0;
    }
    await startProcesses(lab, pod);
  });
}

/** Tells the agent of new labels or ports. */
export async function updatePod({ lab, clients, deadline }: PodContext, pod: PodState, manifest: LabPod): Promise<void> {
  await attempt(pod, async () => {
    const spec = endpointSpec(lab, pod, manifest);
    const { endpoint } = await untilAnswered(deadline, nameOf(pod), () => clients.agent(pod.node).updateEndpoint({ spec }));
    pod.identity = endpoint?.identity ?? pod.identity;
  });
}

/** Ends what runs in a pod and starts it anew. */
export async function restartProcesses(lab: Lab, pod: PodState): Promise<void> {
  await attempt(pod, async () => {
    await removeCgroup(whereIs(lab, podPlace(pod)).cgroup);
    await startProcesses(lab, pod);
  });
}

async function startProcesses(lab: Lab, pod: PodState): Promise<void> {
  const place = podPlace(pod);
  const where = whereIs(lab, place);
  makeCgroup(where.cgroup);
  const { commands, server } = podProcesses(pod.manifest);
  const started = commands.map(({ container, command, environment }) =>
    launch(where, command, { log: placeLog(lab.paths, place, container), env: environment }),
  );
  // A pod's own addresses may come later than its server; a node's are shared with others.
  const serving = server === null ? [] : [startWorkload(lab, place, server, pod.manifest.hostNetwork ? pod.addresses : [])];
  await Promise.all([...started, ...serving]);
}

async function attempt(pod: PodState, action: () => Promise<void>): Promise<void> {
  try {
    await action();
    pod.failure = null;
  } catch (error) {
    if (error instanceof LabFailure) throw error;
    pod.failure = (error as Error).message;
  }
}

/** Takes a pod away: its processes, its endpoint, its namespace. What isn't there any more is success. `hasAgent` false: nobody is there to release its endpoint. */
export async function stopPod({ lab, clients, deadline }: PodContext, pod: PodState, hasAgent = true): Promise<void> {
  const place = podPlace(pod);
  await removeCgroup(whereIs(lab, place).cgroup);
  rmSync(workloadSocket(lab.paths, place), { force: true });
  if (pod.manifest.hostNetwork) return;
  if (hasAgent) await untilAnswered(deadline, nameOf(pod), () => clients.agent(pod.node).deleteEndpoint({ uid: pod.uid }));
  await deleteNetns(netnsName(lab.id, place));
}
