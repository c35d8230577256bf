import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeCgroup } from '../machine/cgroup.ts';
import { deleteNetns } from '../machine/netns.ts';
import { isAlive } from '../machine/process.ts';
import { withoutEnd } from '../plan/faults.ts';
import { netnsName, placeName } from '../plan/names.ts';
import { agentBpffs, agentSocket, agentStateDir, workloadSocket } from '../plan/paths.ts';
import type { NodeState } from '../plan/state.ts';
import type { Deadline } from './deadline.ts';
import { detachNode } from './fabric.ts';
import { type Lab, saveState, whereIs } from './lab.ts';
import { setNetworkFaults } from './network-faults.ts';
import { agentOf, terminate } from './processes.ts';

/** Whether a node's agent is there to give back what its pods hold. */
export const agentRuns = ({ agent }: NodeState): boolean => agent !== null && isAlive(agent);

/** Takes away all that there is of a node on the machine; its pods are gone. What isn't there any more is success, so that an interrupted removal can be repeated. */
export async function stopNode(lab: Lab, node: NodeState, deadline: Deadline): Promise<void> {
  const { paths, state } = lab;
  const place = { kind: 'node', node: node.name } as const;
  await setNetworkFaults(lab, withoutEnd(state.faults, placeName(place)));
  await terminate(agentOf(lab, node), deadline);
  // The cgroup above that of the node's own processes holds its pods', too.
  await removeCgroup(dirname(whereIs(lab, place).cgroup));
  await detachNode(lab, node);
  await deleteNetns(netnsName(lab.id, place));
  for (const path of [agentBpffs, agentStateDir, agentSocket].map((of) => of(paths, node.name)))
    rmSync(path, { recursive: true, force: true });
  rmSync(workloadSocket(paths, place), { force: true });
}

/** Takes a node out of the lab's state. */
export function forgetNode(lab: Lab, node: NodeState): void {
  lab.state.nodes = lab.state.nodes.filter((each) => each !== node);
  saveState(lab);
}
