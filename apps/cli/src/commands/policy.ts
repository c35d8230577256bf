import type { PolicyReference } from '@myelin/contracts/policy';
import type { CommandOf } from '../arguments.ts';
import { CommandFailure, exitCodes } from '../failure.ts';
import { readPolicies } from '../manifests.ts';
import { formatJson } from '../output/json.ts';
import { formatRevision } from '../output/revision.ts';
import { formatTable } from '../output/table.ts';
import type { CommandContext } from './command-context.ts';

/** `kind/namespace/name`, or `kind/name` for a cluster-wide kind. */
export const nameOf = ({ kind, namespace, name }: Pick<PolicyReference, 'kind' | 'namespace' | 'name'>): string =>
  [kind, namespace, name].filter((part) => part !== '').join('/');

/** `myelin policy apply`. */
export async function applyPolicies(command: CommandOf<'policy-apply'>, { services, print, say }: CommandContext): Promise<number> {
  const policies = await readPolicies(command.files, say);
  if (policies.length === 0) throw new CommandFailure('no policy in these files', exitCodes.usage);
  const answer = await services.policy.apply({ documents: policies.map(({ value }) => JSON.stringify(value)) });
  if (command.output === 'json') print(formatJson(answer));
  else print(`${answer.policies.map((policy) => `${nameOf(policy)} applied`).join('\n')}\nrevision ${formatRevision(answer.revision)}`);
  return exitCodes.ok;
}

/** `myelin policy delete`: exit 1 where one of them wasn't there. */
export async function deletePolicies(command: CommandOf<'policy-delete'>, { services, print, say }: CommandContext): Promise<number> {
  const named = command.names.map(parseName);
  const fromFiles = (await readPolicies(command.files, say)).map(({ reference }) => reference);
  const policies = [...named, ...fromFiles];
  if (policies.length === 0) throw new CommandFailure('name policies to delete: -f FILE, or KIND/NAMESPACE/NAME', exitCodes.usage);
  const answer = await services.policy.delete({ policies });
  const deleted = new Set(answer.deleted.map(nameOf));
  if (command.output === 'json') print(formatJson(answer));
  else print(policies.map((policy) => `${nameOf(policy)} ${deleted.has(nameOf(policy)) ? 'deleted' : 'not found'}`).join('\n'));
  return deleted.size === new Set(policies.map(nameOf)).size ? exitCodes.ok : exitCodes.failed;
}

/** `myelin policy list`. */
export async function listPolicies(command: CommandOf<'policy-list'>, { services, print }: CommandContext): Promise<number> {
  const { policies, revision } = await services.policy.list({});
  if (command.output === 'json') print(formatJson({ policies, revision }));
  else {
    const rows = policies.map(({ reference, subjects, revision: stored }) => [
      reference?.namespace || '-',
      reference?.kind ?? '',
      reference?.name ?? '',
      String(subjects.length),
      formatRevision(stored),
    ]);
    print(formatTable(['namespace', 'kind', 'name', 'subjects', 'revision'], rows, 'No policies.'));
  }
  return exitCodes.ok;
}

function parseName(text: string): PolicyReference {
  const parts = text.split('/');
  if (parts.length < 2 || parts.length > 3 || parts.includes('')) {
    throw new CommandFailure(
      `"${text}" names no policy; expected KIND/NAMESPACE/NAME or, for a cluster-wide kind, KIND/NAME`,
      exitCodes.usage,
    );
  }
  return { kind: parts[0]!, namespace: parts.length === 3 ? parts[1]! : '', name: parts.at(-1)!, uid: '' };
}
