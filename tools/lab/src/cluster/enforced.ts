import { formatRevision, includesRevision, type Revision } from '@myelin/revision';
import { podKey } from '../plan/objects.ts';
import type { PodState } from '../plan/state.ts';
import { type Announcement, isPublishing } from './announced.ts';
import type { LabClients } from './clients.ts';
import type { Deadline } from './deadline.ts';
import type { Lab } from './lab.ts';
import { agentStatus } from './node.ts';

const format = (revision: Revision | undefined) => (revision === undefined ? 'none' : formatRevision(revision));

/** Waits until every node's kernel holds a policy revision, as its agent reads it back. `what`: the object that was changed. */
export async function revisionEnforced(lab: Lab, revision: Revision, what: string, clients: LabClients, deadline: Deadline): Promise<void> {
  await Promise.all(
    lab.state.nodes.map(({ name }) =>
      deadline.until(async () => {
        const answer = await agentStatus(clients, name);
        if (!answer.ok) return `node ${name}: ${what}: revision ${format(revision)} is missing: ${answer.reason}`;
        const { appliedPolicyRevision: applied, lastError } = answer.status;
        if (applied !== undefined && includesRevision(applied, revision)) return null;
        const why = lastError === '' ? '' : `; ${lastError}`;
        return `node ${name}: ${what}: revision ${format(revision)} is missing, ${format(applied)} is applied${why}`;
      }),
    ),
  );
}

/** Waits until the endpoints of these pods are ready at their agents, their addresses published under what they are; the rows that say so. */
export async function endpointsReady(
  lab: Lab,
  pods: readonly PodState[],
  clients: LabClients,
  deadline: Deadline,
): Promise<readonly Announcement[]> {
  const wanted = pods.filter(({ failure, manifest }) => failure === null && !manifest.hostNetwork);
  const rows: Announcement[] = [];
  const byNode = Map.groupBy(wanted, ({ node }) => node);
  await Promise.all(
    [...byNode].map(([node, onNode]) =>
      deadline.until(async () => {
        const { endpoints } = await clients.agent(node).listEndpoints({});
        const states = new Map(endpoints.map((endpoint) => [endpoint.spec?.uid, endpoint]));
        const found: Announcement[] = [];
        for (const { uid, manifest } of onNode) {
          const endpoint = states.get(uid);
          if (endpoint?.state !== 'ready')
            return `node ${node}: Pod ${podKey(manifest)}: ${endpoint?.state ?? 'no endpoint'} ${endpoint?.message ?? ''}`.trim();
          const { endpointRevision: revision } = endpoint;
          if (revision !== undefined) found.push({ stream: 'endpoints', what: `Pod ${podKey(manifest)}`, revision });
          else if (isPublishing(lab))
            return `node ${node}: Pod ${podKey(manifest)}: its addresses are not published under its identity yet`;
        }
        rows.push(...found);
        return null;
      }),
    ),
  );
  return rows;
}
