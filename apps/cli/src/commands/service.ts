import type { CommandOf } from '../arguments.ts';
import { CommandFailure, exitCodes } from '../failure.ts';
import { formatJson } from '../output/json.ts';
import { describeService, serviceHeadings, serviceRow } from '../output/service.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext } from './command-context.ts';

/** `myelin service list`. */
export async function listServices(command: CommandOf<'service-list'>, { services, print }: CommandContext): Promise<number> {
  const answer = await services.loadBalancing.list({ namespace: command.namespace, name: '', revision: undefined });
  if (command.output === 'json') print(formatJson(answer));
  else print(formatTable(serviceHeadings, answer.services.map(serviceRow), 'No Services.'));
  return exitCodes.ok;
}

/** `myelin service describe`: exit 1 where there is no such Service. */
export async function showService(command: CommandOf<'service-describe'>, { services, print }: CommandContext): Promise<number> {
  const [namespace = '', name = '', ...rest] = command.name.split('/');
  if (namespace === '' || name === '' || rest.length > 0)
    throw new CommandFailure(`"${command.name}" names no Service; expected NAMESPACE/NAME`, exitCodes.usage);
  const answer = await services.loadBalancing.list({ namespace, name, revision: undefined });
  const [service] = answer.services;
  if (service === undefined) throw new CommandFailure(`there is no Service ${namespace}/${name}`);
  print(command.output === 'json' ? formatJson(service) : describeService(service));
  return exitCodes.ok;
}
