import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { lockHolder, withLock } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'lab-lock-'));
const lock = join(folder, 'lock');
afterEach(() => {
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});

describe('withLock', () => {
  it('names its holder while it is held, and leaves nothing behind', async () => {
    expect(await withLock(lock, 'up', 0, async () => lockHolder(lock))).toMatchObject({ pid: process.pid, command: 'up' });
    expect(readdirSync(folder)).toEqual([]);
  });
  it('is given back when the action fails', async () => {
    await expect(withLock(lock, 'up', 0, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(lockHolder(lock)).toBeUndefined();
  });
  it('is taken over from a process that is no more', async () => {
    writeFileSync(lock, JSON.stringify({ pid: process.pid, start: '1', command: 'up' }));
    expect(await withLock(lock, 'apply', 0, async () => lockHolder(lock)?.command)).toBe('apply');
  });
  it('refuses a second holder and says who the first one is', async () => {
    await withLock(lock, 'up', 0, async () => {
      await expect(withLock(lock, 'apply', 30, async () => {})).rejects.toThrow(/"up" \(process \d+\)/);
    });
  });
});
