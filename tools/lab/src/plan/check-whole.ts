import { isDeepStrictEqual } from 'node:util';
import { type JsonPath, type ManifestError, nearestName, type Problem } from '@myelin/manifest';
import { checkNode } from './address-plan.ts';
import { type LabNode, type LabPod, podKey } from './objects.ts';
import { objectKey, type ReadObjects } from './read-objects.ts';
import type { LabState } from './state.ts';

/** The node that a lab has when no manifest names one. */
export const defaultNode: LabNode = { name: 'node-1', uid: null, addresses: [], podCidrs: [] };

/** Errors that no manifest shows alone: against each other and against what the lab holds already. */
export function checkWhole(read: ReadObjects, state: LabState): ManifestError[] {
  const { nodes, pods } = read.objects;
  const at = (kind: string, namespace: string, name: string, problem: Problem) =>
    read.places.get(objectKey(kind, namespace, name))!.errorAt(problem);
  const existing = state.nodes.map(({ manifest }) => manifest);
  const nodeErrors = nodes.flatMap((node, index) => {
    const others = [...existing.filter(({ name }) => name !== node.name), ...nodes.slice(0, index)];
    return [...checkNode(node, others), ...changedNode(node, existing)].map((problem) => at('Node', '', node.name, problem));
  });
  const names = [...new Set([...[...existing, ...nodes].map(({ name }) => name), ...read.brokenNodes])];
  const known = names.length > 0 ? names : [defaultNode.name];
  const podErrors = pods.flatMap((pod) => checkPod(pod, known, state).map((problem) => at('Pod', pod.namespace, pod.name, problem)));
  return [...nodeErrors, ...podErrors];
}

function changedNode(node: LabNode, existing: readonly LabNode[]): Problem[] {
  const before = existing.find(({ name }) => name === node.name);
  if (before === undefined || isDeepStrictEqual({ ...before, uid: node.uid }, node)) return [];
  return [
    {
      path: [],
      message: `node ${node.name} is registered with other addresses or ranges`,
      expected: 'the same: a node of a running lab does not change',
    },
  ];
}

function checkPod(pod: LabPod, nodes: readonly string[], state: LabState): Problem[] {
  const problem = (path: JsonPath, message: string, expected: string, nearest?: string): Problem => ({ path, message, expected, nearest });
  const { nodeName } = pod;
  if (nodeName !== null && !nodes.includes(nodeName))
    return [
      problem(
        ['spec', 'nodeName'],
        `there is no node ${JSON.stringify(nodeName)}`,
        `one of ${nodes.join(', ')}`,
        nearestName(nodeName, nodes),
      ),
    ];
  const before = state.pods.find((other) => podKey(other.manifest) === podKey(pod));
  if (before === undefined) return [];
  const changed: readonly [JsonPath, boolean][] = [
    [['spec', 'nodeName'], nodeName !== null && nodeName !== before.node],
    [['spec', 'hostNetwork'], pod.hostNetwork !== before.manifest.hostNetwork],
    [['metadata', 'annotations'], !isDeepStrictEqual(pod.addresses, before.manifest.addresses)],
  ];
  return changed
    .filter(([, differs]) => differs)
    .map(([path]) => problem(path, `pod ${podKey(pod)} is there with another value`, 'the same: delete the pod first'));
}
