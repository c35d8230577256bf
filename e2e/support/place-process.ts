import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { knownPlaces, whereIs } from '@myelin/tool-lab';
import type { TestLab } from './test-lab.ts';

/** A command that runs in a place's network. Disposing of it ends it. */
export interface PlaceProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** All that it printed, on either stream, once it has ended. */
  readonly output: Promise<string>;
}

/** Starts a command in a place's network, without starting a lab's command for it: the child is the command itself, and can be ended. */
export function startAt(lab: TestLab, place: string, ...command: readonly string[]): PlaceProcess {
  const { netns } = whereIs(lab.running, knownPlaces(lab.running.state).get(place)!.place);
  const child = spawn('nsenter', [`--net=${netns}`, '--', ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const output = once(child, 'close').then(() => said);
  return {
    child,
    output,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await output;
    },
  };
}
