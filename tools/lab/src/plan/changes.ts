import { isDeepStrictEqual } from 'node:util';
import { type LabContainer, type LabObjects, type LabPod, podKey } from './objects.ts';
import type { LabState, PodState } from './state.ts';

/** A pod that is there already, and what its manifest changes. */
export interface PodChange {
  readonly pod: PodState;
  readonly manifest: LabPod;
  /** Its identity may change: the agent has to be told. */
  readonly endpoint: boolean;
  /** Its processes have to be started anew. */
  readonly processes: boolean;
}

/** What has to be done so that the lab holds these objects too. */
export interface Changes {
  readonly newNodes: LabObjects['nodes'];
  readonly namespaces: LabObjects['namespaces'];
  readonly newPods: readonly LabPod[];
  readonly changedPods: readonly PodChange[];
  /** Pods that failed before, to be tried again. */
  readonly retriedPods: readonly PodState[];
  readonly policies: LabObjects['policies'];
  readonly services: LabObjects['services'];
  readonly slices: LabObjects['slices'];
}

/** Named ports of a pod, as its identity and its endpoint have them. */
export const namedPorts = (containers: readonly LabContainer[]) =>
  containers.flatMap(({ ports }) => ports).filter(({ name }) => name !== '');

const endpointPart = ({ labels, serviceAccount, containers }: LabPod) => ({ labels, serviceAccount, ports: namedPorts(containers) });

/** Compares objects with a lab's state. Pods of a namespace whose labels change are changed, too. */
export function planChanges(state: LabState, objects: LabObjects): Changes {
  const namespaces = objects.namespaces.filter(({ name, labels }) => !isDeepStrictEqual(labels, state.namespaces[name]));
  const relabelled = new Set(namespaces.filter(({ name }) => name in state.namespaces).map(({ name }) => name));
  const wanted = new Map(objects.pods.map((pod) => [podKey(pod), pod]));
  const existing = new Map(state.pods.map((pod) => [podKey(pod.manifest), pod]));
  const changedPods = state.pods.flatMap((pod): PodChange[] => {
    if (pod.failure !== null) return [];
    const manifest = wanted.get(podKey(pod.manifest)) ?? pod.manifest;
    const endpoint = relabelled.has(manifest.namespace) || !isDeepStrictEqual(endpointPart(manifest), endpointPart(pod.manifest));
    const processes = !isDeepStrictEqual(manifest.containers, pod.manifest.containers);
    return endpoint || processes ? [{ pod, manifest, endpoint: endpoint && !manifest.hostNetwork, processes }] : [];
  });
  return {
    newNodes: objects.nodes.filter(({ name }) => !state.nodes.some((node) => node.name === name)),
    namespaces,
    newPods: objects.pods.filter((pod) => !existing.has(podKey(pod))),
    changedPods,
    retriedPods: state.pods.filter((pod) => pod.failure !== null && wanted.has(podKey(pod.manifest))),
    policies: objects.policies,
    services: objects.services,
    slices: objects.slices,
  };
}
