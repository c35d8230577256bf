import type { ChangeResult } from '../cluster/change.ts';
import { exitCodes } from '../failure.ts';
import { podKey } from '../plan/objects.ts';

/** Says which pods couldn't be started, and why; returns the exit code. */
export function reportChange({ failed }: ChangeResult, say: (text: string) => void): number {
  for (const pod of failed) say(`Pod ${podKey(pod.manifest)} on ${pod.node}: ${pod.failure}`);
  return failed.length === 0 ? exitCodes.ok : exitCodes.failed;
}
