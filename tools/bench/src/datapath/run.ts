import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Measurement } from '../result.ts';

/** What is measured, and how often. */
export interface MeasureOptions {
  /** Names of results; null: all. */
  readonly only: readonly string[] | null;
  readonly rounds: number;
  /** Established connections of each busy client, a power of two: 65,536 where results are to be held against bars. */
  readonly connectionsOfClient: number;
}

/** Measures in a process of its own, in namespaces of its own. Throws where it fails; what it had to say about that is on stderr by then. */
export async function measureDatapath(options: MeasureOptions): Promise<Measurement> {
  const command = ['--net', '--mount', process.execPath, join(import.meta.dirname, 'measure.ts'), JSON.stringify(options)];
  const child = spawn('unshare', command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(signal ?? `status ${status}`));
  });
  const output = await text(child.stdout);
  const end = await ended;
  if (end !== 'status 0') throw new Error(`the measuring process ended with ${end}`);
  return JSON.parse(output);
}
