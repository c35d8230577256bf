import { access } from 'node:fs/promises';
import { MyelinError } from '@myelin/service';
import { createPair, deletePair, type Link, openHostSide, openPodSide, podSwitchesOff } from '../domain/link-commands.ts';
import { CommandError, runCommand } from './command.ts';

const batch = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

const ip = (lines: readonly string[]) => runCommand('ip', ['-batch', '-'], batch(lines));

/** Makes the pair, down on both sides. One that an earlier, interrupted attempt left under this name is replaced. */
export async function makePair(link: Link): Promise<void> {
  await access(link.netns).catch(() => {
    throw new MyelinError('invalid_argument', `there is no network namespace at ${link.netns}`);
  });
  const lines = createPair(link);
  try {
    await ip(lines);
  } catch (error) {
    if (!(error instanceof CommandError) || !error.said.includes('File exists')) throw failed(link, error);
    await removePair(link.hostInterface);
    await ip(lines).catch((again) => {
      throw failed(link, again);
    });
  }
}

/** Brings both sides up, with addresses, routes and neighbours. Programs must be attached by then. */
export async function openPair(link: Link): Promise<void> {
  const script = 'for file; do echo 0 > "$file" || exit 1; done; exec ip -batch -';
  const inPod = [`--net=${link.netns}`, '--', 'sh', '-c', script, 'sh', ...podSwitchesOff(link)];
  try {
    await Promise.all([runCommand('nsenter', inPod, batch(openPodSide(link))), ip(openHostSide(link))]);
  } catch (error) {
    throw failed(link, error);
  }
}

/** Takes a pair away; one that is gone is success. */
export async function removePair(hostInterface: string): Promise<void> {
  try {
    await ip(deletePair(hostInterface));
  } catch (error) {
    if (!(error instanceof CommandError) || !error.said.includes('Cannot find device')) throw error;
  }
}

function failed({ hostInterface, podInterface, netns }: Link, error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  const why = error.said.split('\n')[0];
  const code = error.said.includes('File exists') ? 'already_exists' : 'failed_precondition';
  return new MyelinError(code, `can't connect ${podInterface} in ${netns} with ${hostInterface} on the node: ${why}`, { cause: error });
}
