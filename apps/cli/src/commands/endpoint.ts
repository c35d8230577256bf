import type { Endpoint } from '@myelin/contracts/agent';
import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext } from './command-context.ts';

/** `myelin endpoint list`. */
export async function listEndpoints(command: CommandOf<'endpoint-list'>, { services, print }: CommandContext): Promise<number> {
  const found: { node: string; endpoint: Endpoint }[] = [];
  for (const [node, agent] of services.agents(command.node)) {
    const { endpoints } = await agent.listEndpoints({});
    found.push(...endpoints.map((endpoint) => ({ node, endpoint })));
  }
  if (command.output === 'json') print(formatJson(found.map(({ node, endpoint }) => ({ node, ...endpoint }))));
  else print(formatTable(['pod', 'node', 'identity', 'addresses', 'state', 'ingress', 'egress'], found.map(row), 'No endpoints.'));
  return exitCodes.ok;
}

function row({ node, endpoint }: { node: string; endpoint: Endpoint }): readonly string[] {
  const { spec, identity, addresses, state, message, ingressIsolated, egressIsolated } = endpoint;
  // What waits for its policy isn't open: it drops everything (D6), or goes by its old labels.
  const isolated = (yes: boolean) => (state !== 'ready' ? '-' : yes ? 'isolated' : 'open');
  return [
    `${spec?.namespace}/${spec?.name}`,
    node,
    String(identity),
    addresses.join(','),
    message === '' ? state : `${state}: ${message}`,
    isolated(ingressIsolated),
    isolated(egressIsolated),
  ];
}
