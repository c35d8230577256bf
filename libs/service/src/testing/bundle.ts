import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..', '..');

/** A service as it is shipped: its bundle in a process of its own. */
export interface BundledService {
  readonly child: ChildProcess;
  /** Everything it has said on standard error. */
  readonly said: () => string;
  /** Ends it by SIGTERM and returns its exit code. */
  readonly stop: () => Promise<number | null>;
}

/** Builds the bundle of an app ("ipam") if what it is made of has changed, and returns its file. */
export function buildBundle(app: string): string {
  execFileSync(process.execPath, [join(root, 'tools', 'setup', 'src', 'bundle.mjs'), join(root, 'apps', app), '--if-stale']);
  return join(root, 'apps', app, 'dist', 'main.mjs');
}

/** Builds the bundle of an app and starts it. */
export function startBundle(app: string, flags: readonly string[]): BundledService {
  const child = spawn(process.execPath, [buildBundle(app), ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    return (await exited)[0] as number | null;
  };
  return { child, said: () => said, stop };
}
