import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** Where a process runs: in a cgroup and in a network namespace, absolute paths; in those of its parent where they are left out. */
export interface Where {
  readonly cgroup?: string;
  readonly netns?: string;
}

/** A process that can't be mistaken for a later one of the same number. `start` is its start time in clock ticks after boot (proc(5)). */
export interface ProcessId {
  readonly pid: number;
  readonly start: string;
}

/** What a command that failed said. */
export class CommandError extends Error {
  readonly status: number;

  constructor(command: readonly string[], status: number, output: string) {
    super(`${command.join(' ')}: ${output.trim() || `ended with status ${status}`}`);
    this.status = status;
  }
}

/**
 * The words that run a command somewhere. The shell enters the cgroup before it becomes the command, and doesn't become it when the cgroup is gone: whatever
 * the lab changes is changed by processes in its cgroup, so that `down`, which kills them first, has nobody working against it.
 */
export function commandAt(where: Where, command: readonly string[]): string[] {
  const enterCgroup = where.cgroup === undefined ? [] : ['sh', '-c', 'echo 0 >"$0" && exec "$@"', `${where.cgroup}/cgroup.procs`];
  const enterNetns = where.netns === undefined ? [] : ['nsenter', `--net=${where.netns}`, '--'];
  return [...enterCgroup, ...enterNetns, ...command];
}

/** Runs a command to its end and returns what it printed; `more`: beside the environment. Throws CommandError when its status isn't 0. */
export function run(where: Where, command: readonly string[], input = '', more: Readonly<Record<string, string>> = {}): Promise<string> {
  const [file, ...args] = commandAt(where, command);
  return new Promise((resolve, reject) => {
    const child = spawn(file!, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...more } });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (status) => (status === 0 ? resolve(output) : reject(new CommandError(command, status ?? 1, errors || output))));
    // A command that ends without reading its input isn't an error of ours.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** How to start a process that outlives this one. */
export interface LaunchOptions {
  /** Its output is appended here. */
  readonly log: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Wait until it has written a line to file descriptor 3: its word that it is ready. */
  readonly waitUntilReady?: boolean;
}

/** Starts a process in a session of its own. Throws when it ends before it is ready. */
export async function launch(where: Where, command: readonly string[], options: LaunchOptions): Promise<ProcessId> {
  const log = openSync(options.log, 'a');
  try {
    const [file, ...args] = commandAt(where, command);
    const child = spawn(file!, args, {
      cwd: options.cwd ?? '/',
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log, ...(options.waitUntilReady ? ['pipe' as const] : [])],
      detached: true,
    });
    await once(child);
    const id = { pid: child.pid!, start: startTime(child.pid!) ?? '' };
    if (options.waitUntilReady) await readiness(child, command[0]!, options.log);
    child.unref();
    return id;
  } finally {
    closeSync(log);
  }
}

const once = (child: ChildProcess) =>
  new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });

function readiness(child: ChildProcess, name: string, log: string): Promise<void> {
  const pipe = child.stdio[3] as NodeJS.ReadableStream & { destroy(): void };
  return new Promise((resolve, reject) => {
    pipe.once('data', () => {
      pipe.destroy();
      resolve();
    });
    pipe.once('end', () => reject(new Error(`${name} ended before it was ready: ${logTail(log)}`)));
  });
}

/** The last lines of a log, for an error message. */
export function logTail(log: string, lines = 5): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') || `(${log} is empty)`;
  } catch {
    return `(no ${log})`;
  }
}

/** Start time of a process in clock ticks after boot; undefined when there is none of this number, or only its remains (a zombie). */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; after it come state (field 3) … start time (field 22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** Whether this very process still runs. */
export const isAlive = ({ pid, start }: ProcessId): boolean => startTime(pid) === start;

/** Whether this very process runs, and isn't stopped by a signal. */
export function isRunning(id: ProcessId): boolean {
  if (!isAlive(id)) return false;
  try {
    return !/^State:\t[Tt]/m.test(readFileSync(`/proc/${id.pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Sends a signal to this very process; false when it is gone. */
export function signal(id: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(id)) return false;
  try {
    return process.kill(id.pid, name);
  } catch {
    return false;
  }
}
