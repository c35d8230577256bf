import { includesRevision, parseRevision, type Revision, zeroRevision } from '@myelin/revision';
import type { PolicyClient } from './adapters/services.ts';
import { CommandFailure, exitCodes } from './failure.ts';
import { formatRevision } from './output/revision.ts';

/** The policy revision that a command is about: the one named, else the newest stored. Throws CommandFailure for a text that names none, or one that nobody has given yet. */
export async function wantedRevision(text: string | undefined, policy: PolicyClient): Promise<Revision> {
  const { revision: newest = zeroRevision } = await policy.list({});
  if (text === undefined) return newest;
  const wanted = parseRevision(text);
  if (wanted === null)
    throw new CommandFailure(`"${text}" is no revision; expected INCARNATION.COUNTER as "myelin policy apply" prints it`, exitCodes.usage);
  if (!includesRevision(newest, wanted))
    throw new CommandFailure(`there is no revision ${text} yet: the newest is ${formatRevision(newest)}`, exitCodes.usage);
  return wanted;
}
