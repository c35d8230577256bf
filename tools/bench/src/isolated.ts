import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { text } from 'node:stream/consumers';
import type { Measurement } from './result.ts';

/** The CPU on which suites measure, the last one: interrupts and main threads are more often on the first. (Not by `availableParallelism`, which leaves out CPUs that the process keeps off.) */
export const measuringCpu = cpus().length - 1;

/** How a measuring process is started. */
export interface Isolation {
  /** Leave `measuringCpu` to what is measured: the process and all it starts stay on the others, as far as there are others. */
  readonly keepOff?: boolean;
}

/**
 * Runs `script` with the options (as JSON) in network and mount namespaces of its own, and returns the measurement that it prints. Throws where it fails; what it had to say about that is on stderr
 * by then.
 */
export async function measureIsolated(script: string, options: object, { keepOff = false }: Isolation = {}): Promise<Measurement> {
  const otherCpus = keepOff && measuringCpu > 0 ? ['taskset', '--cpu-list', `0-${measuringCpu - 1}`] : [];
  const [file, ...args] = [...otherCpus, 'unshare', '--net', '--mount', process.execPath, script, JSON.stringify(options)];
  const child = spawn(file!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(signal ?? `status ${status}`));
  });
  const output = await text(child.stdout);
  const end = await ended;
  if (end !== 'status 0') throw new Error(`the measuring process ended with ${end}`);
  return JSON.parse(output);
}
