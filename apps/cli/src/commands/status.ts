import type { GetStatusResponse } from '@myelin/contracts/agent';
import { isMyelinError } from '@myelin/rpc';
import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { announcedBy, appliedBy, formatApplied, kinds, lagOf, newestOf, type Revisions } from '../output/lag.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext } from './command-context.ts';

/** A node's answer, or why there is none. */
type NodeStatus = { readonly node: string; readonly status: GetStatusResponse } | { readonly node: string; readonly error: string };

/** How long a service has to say what is newest. */
const patienceMs = 1000;

/** `myelin status`: exit 1 unless every node is ready. */
export async function showStatus(command: CommandOf<'status'>, { services, print }: CommandContext): Promise<number> {
  const nodes: NodeStatus[] = [];
  for (const [node, agent] of services.agents(command.node)) {
    try {
      nodes.push({ node, status: await agent.getStatus({}) });
    } catch (error) {
      if (!isMyelinError(error)) throw error;
      nodes.push({ node, error: error.message });
    }
  }
  const statuses = nodes.flatMap((node) => ('status' in node ? [node.status] : []));
  const newest = newestOf([await storedRevisions(services), ...statuses.flatMap((status) => [appliedBy(status), announcedBy(status)])]);
  if (command.output === 'json')
    print(formatJson(nodes.map((node) => ('status' in node ? { ...node, behind: lagOf(appliedBy(node.status), newest) } : node))));
  else print(nodes.map((node) => describe(node, newest)).join('\n\n'));
  return nodes.every((node) => 'status' in node && node.status.ready) ? exitCodes.ok : exitCodes.failed;
}

/** What the services have stored; nothing of one that doesn't answer. */
async function storedRevisions({ policy, identity, loadBalancing }: CommandContext['services']): Promise<Revisions> {
  const unlessSilent = <T>(answer: Promise<T>) =>
    answer.catch((error) => {
      if (!isMyelinError(error)) throw error;
      return undefined;
    });
  const signal = AbortSignal.timeout(patienceMs);
  const [policies, identities, services] = await Promise.all([
    unlessSilent(policy.list({}, { signal })),
    // Labels that nothing has: the revision alone is asked for.
    unlessSilent(identity.list({ labels: ['reserved:none'] }, { signal })),
    // A name that no Service has.
    unlessSilent(loadBalancing.list({ namespace: '-', name: '-', revision: undefined }, { signal })),
  ]);
  return { policies: policies?.revision, identities: identities?.revision, services: services?.revision };
}

function describe(node: NodeStatus, newest: Revisions): string {
  if ('error' in node) return `Node ${node.node}: no answer\n  ${node.error}`;
  const { status } = node;
  const applied = appliedBy(status);
  const lines: [string, string][] = [
    ['Ready', status.ready ? 'yes' : `no: ${status.missing.join('; ')}`],
    ['Version', status.version],
    ['Addresses', status.addresses.join(', ')],
    ['Pod ranges', status.podCidrs.join(', ')],
    ['Endpoints', `${status.endpointsReady} of ${status.endpoints} ready`],
    ...kinds.map((kind): [string, string] => [`Applied ${kind}`, formatApplied(kind, applied, newest)]),
    ...status.services.map(({ name, address, connected, error }): [string, string] => [
      name,
      connected ? `connected (${address})` : `not connected (${address}): ${error}`,
    ]),
    ...(status.lastError === '' ? [] : [['Last error', status.lastError] as [string, string]]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const text = lines.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
  const features = formatTable(
    ['kernel feature', 'state', 'note'],
    status.features.map(({ name, state, note }) => [name, state, note]),
    'No kernel feature was probed.',
  );
  const maps = formatTable(['map', 'entries', 'capacity', 'full'], status.maps.map(mapRow), 'No maps.');
  return `Node ${node.node}\n${text}\n\n${features}\n\n${maps}`;
}

function mapRow({ map, entries, capacity }: { map: string; entries: bigint; capacity: bigint }): readonly string[] {
  const percent = capacity === 0n ? '-' : `${((Number(entries) * 100) / Number(capacity)).toFixed(1)} %`;
  return [map, entries.toString(), capacity.toString(), percent];
}
