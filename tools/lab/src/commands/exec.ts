import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { runningLab, whereIs } from '../cluster/lab.ts';
import { placeNamed } from '../cluster/places.ts';
import { makeCgroup } from '../machine/cgroup.ts';
import { commandAt } from '../machine/process.ts';
import type { CommandContext } from './command-context.ts';

/** `exec <ns>/<pod>|node:<n>|outside -- <cmd>`: runs a command there, with our terminal; returns its exit code (128 + signal, 127 where there is no such command). */
export function exec({ config, say }: CommandContext, name: string, command: readonly string[]): Promise<number> {
  const lab = runningLab(config);
  const where = whereIs(lab, placeNamed(lab.state, name));
  makeCgroup(where.cgroup);
  const [file, ...args] = commandAt(where, command);
  // Ctrl-C reaches the command, too: what it means is the command's to say.
  process.on('SIGINT', () => {});
  return new Promise((resolve) => {
    const child = spawn(file!, args, { stdio: 'inherit' });
    child.once('error', (error) => {
      say(error.message);
      resolve(127);
    });
    child.once('close', (status, signal) => resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal]));
  });
}
