import { formatRevision, includesRevision, type Revision } from '@myelin/revision';
import { podKey } from '../plan/objects.ts';
import type { PodState } from '../plan/state.ts';
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

/** Waits until the endpoints of these pods are ready at their agents. */
export async function endpointsReady(pods: readonly PodState[], clients: LabClients, deadline: Deadline): Promise<void> {
  const wanted = pods.filter(({ failure, manifest }) => failure === null && !manifest.hostNetwork);
  const byNode = Map.groupBy(wanted, ({ node }) => node);
  await Promise.all(
    [...byNode].map(([node, onNode]) =>
      deadline.until(async () => {
        const { endpoints } = await clients.agent(node).listEndpoints({});
        const states = new Map(endpoints.map((endpoint) => [endpoint.spec?.uid, endpoint]));
        for (const { uid, manifest } of onNode) {
          const endpoint = states.get(uid);
          if (endpoint?.state !== 'ready')
            return `node ${node}: Pod ${podKey(manifest)}: ${endpoint?.state ?? 'no endpoint'} ${endpoint?.message ?? ''}`.trim();
        }
        return null;
      }),
    ),
  );
}
