import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { labPaths } from '../plan/paths.ts';
import { lockHolder, withLock } from './lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'lab-lock-'));
const paths = labPaths(folder);
afterEach(() => {
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});

describe('withLock', () => {
  it('names its holder while it is held, and leaves nothing behind', async () => {
    expect(await withLock(paths, 'up', 0, async () => lockHolder(paths))).toMatchObject({ pid: process.pid, command: 'up' });
    expect(readdirSync(folder)).toEqual([]);
  });
  it('is given back when the action fails', async () => {
    await expect(withLock(paths, 'up', 0, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(lockHolder(paths)).toBeUndefined();
  });
  it('is taken over from a process that is no more', async () => {
    writeFileSync(paths.lock, JSON.stringify({ pid: process.pid, start: '1', command: 'up' }));
    expect(await withLock(paths, 'apply', 0, async () => lockHolder(paths)?.command)).toBe('apply');
  });
  it('refuses a second holder and says who the first one is', async () => {
    await withLock(paths, 'up', 0, async () => {
      await expect(withLock(paths, 'apply', 30, async () => {})).rejects.toThrow(/"up" \(process \d+\)/);
    });
  });
});
