import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { yardstickFolder } from './bars.ts';
import { checkYardstickCopy } from './yardstick-copy.ts';

describe('the copy of the yardsticks', () => {
  let folder: string;
  let root: string;
  let copy: string;
  let original: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'myelin-bench-'));
    root = join(folder, 'project');
    copy = join(root, 'tools', 'bench', 'yardstick');
    original = join(folder, 'shared', 'bench');
    for (const target of [copy, original]) {
      mkdirSync(target, { recursive: true });
      cpSync(yardstickFolder, target, { recursive: true });
    }
    writeFileSync(join(original, 'README.md'), 'about');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is fine while every file is as in the shared folder', async () => {
    expect(await checkYardstickCopy(root)).toEqual([]);
  });

  it('is said to differ, file by file', async () => {
    appendFileSync(join(original, 'bars.json'), ' ');
    rmSync(join(copy, 'yardstick.c'));
    expect(await checkYardstickCopy(root)).toEqual([
      expect.stringContaining('yardstick/bars.json differs'),
      expect.stringContaining('yardstick/yardstick.c differs'),
    ]);
  });

  it('has no files of its own', async () => {
    writeFileSync(join(copy, 'more.c'), '');
    expect(await checkYardstickCopy(root)).toEqual([expect.stringContaining('more.c is no part of the copy')]);
  });

  it('is nobody’s business where there is no shared folder', async () => {
    rmSync(original, { recursive: true });
    appendFileSync(join(copy, 'bars.json'), ' ');
    expect(await checkYardstickCopy(root)).toEqual([]);
  });
});
