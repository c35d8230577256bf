import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LabFailure } from '../failure.ts';
import { isAlive, type ProcessId, startTime } from '../machine/process.ts';

/** Who has the lock. */
export interface LockHolder extends ProcessId {
  readonly command: string;
}

/** The living holder of a lock file. */
export function lockHolder(lock: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(lock, 'utf8')) as LockHolder;
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Runs `action` while no other process holds the lock file. Waits for another one for up to `waitMs`. */
export async function withLock<T>(lock: string, command: string, waitMs: number, action: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(lock), { recursive: true });
  const mine = `${lock}.${randomUUID()}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, start: startTime(process.pid) ?? '', command } satisfies LockHolder));
  let held = false;
  const giveBack = () => {
    if (held) rmSync(lock, { force: true });
    rmSync(mine, { force: true });
  };
  process.on('exit', giveBack);
  try {
    for (const started = performance.now(); !take(mine, lock); await delay(20)) {
      const holder = lockHolder(lock);
      if (holder === undefined) rmSync(lock, { force: true });
      else if (performance.now() - started > waitMs)
        throw new LabFailure(`the lab is in use by "${holder.command}" (process ${holder.pid}): try again later`);
    }
    held = true;
    return await action();
  } finally {
    process.off('exit', giveBack);
    giveBack();
  }
}

// A link comes with its whole content, unlike a file that is created and then written.
function take(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
