import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the services listen. */
export interface Sockets {
  readonly identity: string;
  readonly policy: string;
  /** By node name, sorted. */
  readonly agents: ReadonlyMap<string, string>;
}

/**
 * Sockets in the run directory: `--run-dir`, else MYELIN_RUN_DIR, else the default lab's where LAB_DIR names one, else /run/myelin.
 * The only reader of the environment.
 */
export function findSockets(runDirOption: string): Sockets {
  const { MYELIN_RUN_DIR, LAB_DIR } = process.env;
  const runDir = runDirOption || MYELIN_RUN_DIR || (LAB_DIR ? join(LAB_DIR, 'run') : '/run/myelin');
  return {
    identity: join(runDir, 'identity-allocator.sock'),
    policy: join(runDir, 'policy-compiler.sock'),
    agents: findAgents(join(runDir, 'agents')),
  };
}

function findAgents(folder: string): ReadonlyMap<string, string> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter((name) => name.endsWith('.sock'));
  return new Map(names.sort().map((name) => [name.slice(0, -'.sock'.length), join(folder, name)]));
}
