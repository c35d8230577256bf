import { execFileSync, spawn } from 'node:child_process';

/** Runs a command to its end; throws with its output when it fails. */
export function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What came of a command: its exit status, and what it wrote. */
export interface Ran {
  readonly status: number;
  readonly output: string;
}

/** Network namespaces of a test, named after this process so that several can run side by side. */
export class Namespaces {
  readonly #made: string[] = [];

  make(name: string): string {
    const full = `myelin-bpf-${process.pid}-${name}`;
    run('ip', 'netns', 'add', full);
    this.#made.push(full);
    run('ip', '-n', full, 'link', 'set', 'lo', 'up');
    return full;
  }

  /** Runs a command in a namespace without waiting in this thread. `input`: given to it. */
  exec(namespace: string, command: string, args: readonly string[], input = ''): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, command, ...args]);
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.on('error', reject);
      child.on('close', (status) => resolve({ status: status ?? -1, output }));
      child.stdin.end(input);
    });
  }

  close(): void {
    for (const name of this.#made) run('ip', 'netns', 'delete', name);
  }
}
