import type { GetStatusResponse } from '@myelin/contracts/agent';
import { formatRevision, includesRevision, type Revision } from '@myelin/revision';
import { isRunning } from '../machine/process.ts';
import { isCutOff } from '../plan/faults.ts';
import type { NodeState } from '../plan/state.ts';
import type { LabClients } from './clients.ts';
import type { Deadline } from './deadline.ts';
import type { Lab } from './lab.ts';
import { agentStatus } from './node.ts';

/** A row that all nodes have to know: of which stream, what it says something of, and its revision. */
export interface Announcement {
  readonly stream: 'nodes' | 'endpoints' | 'services';
  readonly what: string;
  readonly revision: Revision;
}

/** Whether anything that is announced can arrive anywhere: not without NATS. */
export function isPublishing({ state: { processes } }: Lab): boolean {
  return processes.nats !== undefined && isRunning(processes.nats);
}

/** Nodes that can hear of something: none whose agent is dead or paused, or cut off from the control plane. */
function listening(lab: Lab): readonly NodeState[] {
  const { nodes, faults } = lab.state;
  if (!isPublishing(lab)) return [];
  return nodes.filter(({ name, agent }) => agent !== null && isRunning(agent) && !isCutOff(faults, `node:${name}`));
}

/** Registrations of all nodes whose agents answer. */
export async function registrations(lab: Lab, clients: LabClients): Promise<readonly Announcement[]> {
  const found = await Promise.all(
    listening(lab).map(async ({ name }): Promise<readonly Announcement[]> => {
      const answer = await agentStatus(clients, name);
      const revision = answer.ok ? answer.status.registrationRevision : undefined;
      return revision === undefined ? [] : [{ stream: 'nodes', what: `Node ${name}`, revision }];
    }),
  );
  return found.flat();
}

/** The last that the allocator said of the pods of a node whose agent answers: after pods are gone it includes that. `what`: those pods. */
export async function lastOfPods(clients: LabClients, node: string, what: string): Promise<readonly Announcement[]> {
  const answer = await agentStatus(clients, node);
  const revision = answer.ok ? answer.status.announcedEndpointRevision : undefined;
  return revision === undefined ? [] : [{ stream: 'endpoints', what, revision }];
}

const appliedBy = ({
  appliedNodeRevision: nodes,
  appliedEndpointRevision: endpoints,
  appliedServiceRevision: services,
}: GetStatusResponse) => ({
  nodes,
  endpoints,
  services,
});

/** Waits until every node has applied these rows, as its agent says. Nodes that can't hear of them, by a fault on purpose, are passed over: they will when it is mended. */
export async function knownEverywhere(
  lab: Lab,
  announcements: readonly Announcement[],
  clients: LabClients,
  deadline: Deadline,
): Promise<void> {
  if (announcements.length === 0) return;
  await Promise.all(
    lab.state.nodes.map((node) =>
      deadline.until(async () => {
        if (!listening(lab).includes(node)) return null;
        const answer = await agentStatus(clients, node.name);
        const applied = answer.ok ? appliedBy(answer.status) : null;
        for (const { stream, what, revision } of announcements) {
          const reached = applied?.[stream];
          if (reached !== undefined && includesRevision(reached, revision)) continue;
          const has = answer.ok ? `${reached === undefined ? 'none' : formatRevision(reached)} is applied` : answer.reason;
          return `node ${node.name}: ${what}: revision ${formatRevision(revision)} of ${stream} is missing: ${has}`;
        }
        return null;
      }),
    ),
  );
}
