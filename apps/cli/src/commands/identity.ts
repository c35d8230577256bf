import type { Identity } from '@myelin/contracts/identity';
import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { formatLabels } from '../output/labels.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext } from './command-context.ts';

const table = (identities: readonly Identity[], nothing: string) =>
  formatTable(
    ['identity', 'labels'],
    identities.map(({ number, labels }) => [String(number), formatLabels(labels)]),
    nothing,
  );

/** `myelin identity list`. */
export async function listIdentities(command: CommandOf<'identity-list'>, { services, print }: CommandContext): Promise<number> {
  const { identities } = await services.identity.list({ labels: [...command.labels] });
  print(command.output === 'json' ? formatJson(identities) : table(identities, 'No identity matches.'));
  return exitCodes.ok;
}

/** `myelin identity get`. */
export async function getIdentity(command: CommandOf<'identity-get'>, { services, print }: CommandContext): Promise<number> {
  const { identity } = await services.identity.get({ number: command.number });
  print(command.output === 'json' ? formatJson(identity) : (identity?.labels.join('\n') ?? ''));
  return exitCodes.ok;
}

/** `myelin identity whois`. */
export async function whoIs(command: CommandOf<'identity-whois'>, { services, print }: CommandContext): Promise<number> {
  const answer = await services.identity.whoIs({ address: command.address });
  if (command.output === 'json') print(formatJson(answer));
  else {
    const pod = answer.name === '' ? '-' : `${answer.namespace}/${answer.name}`;
    const row = [
      command.address,
      String(answer.identity?.number ?? 0),
      pod,
      answer.node || '-',
      formatLabels(answer.identity?.labels ?? []),
    ];
    print(formatTable(['address', 'identity', 'pod', 'node', 'labels'], [row], ''));
  }
  return exitCodes.ok;
}
