import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { run, type Where } from './process.ts';

/** Whether something is mounted exactly here. */
export function isMounted(target: string, mounts: string = readFileSync('/proc/self/mounts', 'utf8')): boolean {
  // proc(5): spaces, tabs, newlines and backslashes are written in octal.
  const encoded = target.replaceAll(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return mounts.split('\n').some((line) => line.split(' ')[1] === encoded);
}

/** Mounts a new bpf file system, unless there is one here already. */
export async function mountBpf(target: string, where: Where): Promise<void> {
  if (!isMounted(target)) await run(where, ['mount', '-t', 'bpf', '-o', 'mode=0700', 'bpf', target]);
}

/** Unmounts what is mounted here; nothing mounted is success. A process that is just ending may hold it for a moment: tried for 2 s. */
export async function unmount(target: string): Promise<void> {
  for (const started = performance.now(); existsSync(target) && isMounted(target); await delay(20)) {
    try {
      await run({}, ['umount', target]);
    } catch (error) {
      if (performance.now() - started > 2000) throw error;
    }
  }
}
