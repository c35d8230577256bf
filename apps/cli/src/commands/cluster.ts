import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import type { CommandContext } from './command-context.ts';

/** `myelin cluster accept-empty`. */
export async function acceptEmpty(command: CommandOf<'cluster-accept-empty'>, { services, say }: CommandContext): Promise<number> {
  await services.policy.acceptEmpty({ incarnation: BigInt(command.incarnation) });
  say(`what could not be recovered in ${command.incarnation} is given up`);
  return exitCodes.ok;
}
