import { openLab } from '../cluster/lab.ts';
import { takeDown } from '../cluster/teardown.ts';
import { LabFailure } from '../failure.ts';
import type { CommandContext } from './command-context.ts';

/** `down`: ends a lab, whole or interrupted; nothing of it stays. Without one: success. */
export async function down({ config }: CommandContext): Promise<number> {
  if (process.getuid?.() !== 0) throw new LabFailure('not root: run the command with sudo');
  await takeDown(openLab(config));
  return 0;
}
