import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runChecks } from '@myelin/tool-lint';
import { slowestFiles } from './counts.ts';
import { type Outcome, outcomeOfChecks, outcomeOfVitest } from './outcome.ts';
import { runKernelSuite } from './run-kernel-suite.ts';
import type { Suite } from './suites.ts';

/** Runs one suite to its end and counts its tests. A suite that takes more than six times its budget is ended, and has failed. */
export async function runSuite(suite: Suite, root: string, limitSeconds: number, filters: readonly string[]): Promise<Outcome> {
  if (suite.kind === 'lint') return outcomeOfChecks(await runChecks(root));
  if (suite.kind === 'kernel') return runKernelSuite(root, { version: '6.1', full: process.env.MYELIN_NIGHTLY === '1', limitSeconds });
  const folder = mkdtempSync(join(tmpdir(), 'myelin-test-'));
  const file = join(folder, 'report.json');
  try {
    // `integration*`: with `integration-alone` (vitest.config.ts).
    const args = ['run', '--project', `${suite.name}*`, '--reporter=dot', '--reporter=json', `--outputFile.json=${file}`, ...filters];
    const status = await spawnVitest(root, args, limitSeconds);
    const report = readIfThere(file);
    const slowest = slowestFiles(report, 8).map((one) => `${relative(root, one.file)} ${one.seconds.toFixed(0)} s`);
    console.log(`${suite.name}, longest: ${slowest.join(', ')}`);
    return outcomeOfVitest(report, status, root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function spawnVitest(root: string, args: readonly string[], limitSeconds: number): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const limit = setTimeout(() => {
      console.error(`test: ended after ${limitSeconds} s`);
      // First politely, so that tests remove their namespaces; then for good.
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 20_000).unref();
    }, limitSeconds * 1000);
    child.on('error', () => resolve(1));
    child.on('close', (status) => {
      clearTimeout(limit);
      resolve(status ?? 1);
    });
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
