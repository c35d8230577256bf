import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { LabFailure } from '../failure.ts';
import { isAlive, type ProcessId, startTime } from '../machine/process.ts';
import type { LabPaths } from '../plan/paths.ts';

/** Who changes the lab. */
export interface LockHolder extends ProcessId {
  readonly command: string;
}

/** The living holder of the lab's lock. */
export function lockHolder({ lock }: LabPaths): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(lock, 'utf8')) as LockHolder;
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Runs `action` while no other command changes this lab. Waits for another one for up to `waitMs`. */
export async function withLock<T>(paths: LabPaths, command: string, waitMs: number, action: () => Promise<T>): Promise<T> {
  mkdirSync(paths.root, { recursive: true });
  const mine = `${paths.lock}.${randomUUID()}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, start: startTime(process.pid) ?? '', command } satisfies LockHolder));
  try {
    for (const started = performance.now(); !take(mine, paths); await delay(20)) {
      const holder = lockHolder(paths);
      if (holder === undefined) rmSync(paths.lock, { force: true });
      else if (performance.now() - started > waitMs)
        throw new LabFailure(`the lab is being changed by "${holder.command}" (process ${holder.pid}): try again later`);
    }
    try {
      return await action();
    } finally {
      rmSync(paths.lock, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

// A link comes with its whole content, unlike a file that is created and then written.
function take(mine: string, { lock }: LabPaths): boolean {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
