import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the services listen. */
export interface Sockets {
  /** Of each replica on this machine; the first that somebody listens on is called. */
  readonly identity: readonly string[];
  readonly policy: readonly string[];
  readonly loadBalancing: readonly string[];
  /** By node name, sorted. */
  readonly agents: ReadonlyMap<string, string>;
}

/**
 * Sockets in the run directory: `--run-dir`, else MYELIN_RUN_DIR, else that of the lab in LAB_DIR where one is named, else /run/myelin.
 * The only reader of the environment.
 */
export function findSockets(runDirOption: string): Sockets {
  const { MYELIN_RUN_DIR, LAB_DIR } = process.env;
  const runDir = runDirOption || MYELIN_RUN_DIR || (LAB_DIR ? join(LAB_DIR, 'run') : '/run/myelin');
  return {
    identity: findReplicas(runDir, 'identity-allocator'),
    policy: findReplicas(runDir, 'policy-compiler'),
    loadBalancing: findReplicas(runDir, 'lb-controller'),
    agents: findAgents(join(runDir, 'agents')),
  };
}

/** `<service>.sock`, `<service>-2.sock` …; the first where there is none, for the message that says so. */
function findReplicas(runDir: string, service: string): readonly string[] {
  const socket = new RegExp(`^${service}(-\\d+)?\\.sock$`);
  const found = existsSync(runDir)
    ? readdirSync(runDir)
        .filter((name) => socket.test(name))
        .sort()
    : [];
  return (found.length === 0 ? [`${service}.sock`] : found).map((name) => join(runDir, name));
}

function findAgents(folder: string): ReadonlyMap<string, string> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).filter((name) => name.endsWith('.sock'));
  return new Map(names.sort().map((name) => [name.slice(0, -'.sock'.length), join(folder, name)]));
}
