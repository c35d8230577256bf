import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Where cgroup v2 is mounted: /sys/fs/cgroup, or beside v1 hierarchies at /sys/fs/cgroup/unified; undefined where it isn't. */
export function findCgroup2(mounts: string = readFileSync('/proc/mounts', 'utf8')): string | undefined {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , type]) => type === 'cgroup2')?.[1];
}

/** Makes a cgroup and those above it. */
export function makeCgroup(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** Ids of the processes in a cgroup itself, not in those below it. */
export function cgroupProcesses(path: string): number[] {
  try {
    return readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

const isPopulated = (path: string) => /^populated 1$/m.test(readFileSync(join(path, 'cgroup.events'), 'utf8'));

/**
 * Ends every process in a cgroup and below it by SIGKILL, and removes them all. The kernel ends the whole subtree in one step, so that no process
 * forks its way out (cgroup.kill, Linux 5.14). One that was on its way in (src/machine/process.ts) may come after that: it is ended, too. A missing cgroup is success; throws when there is still one
 * after 5 s.
 */
export async function removeCgroup(path: string): Promise<void> {
  for (const started = performance.now(); existsSync(path); await delay(5)) {
    if (performance.now() - started > 5000) throw new Error(`processes of ${path} don't end`);
    writeFileSync(join(path, 'cgroup.kill'), '1');
    if (!isPopulated(path)) removeTree(path);
  }
}

/** A cgroup that somebody has entered meanwhile stays, and those above it. */
function removeTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(path, entry.name));
  try {
    rmdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}
