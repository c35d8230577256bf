import type { LabPod } from './objects.ts';

/**
 * Node of each pod: the one that its spec names, else the nodes in turn. `turn`: how many pods have been placed in turn before; so an `apply` goes on
 * where `up` ended.
 */
export function placePods(pods: readonly Pick<LabPod, 'nodeName'>[], nodes: readonly string[], turn: number): string[] {
  let next = turn;
  return pods.map(({ nodeName }) => nodeName ?? nodes[next++ % nodes.length]!);
}
