import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type CheckResult, runChecks } from '@myelin/tool-lint';
import { type Counts, countVitest, slowestFiles } from './counts.ts';
import { runKernelSuite } from './run-kernel-suite.ts';
import type { Suite } from './suites.ts';

/** Runs one suite to its end and counts its tests. A suite that takes more than four times its budget is ended, and has failed. */
export async function runSuite(suite: Suite, root: string, limitSeconds: number, filters: readonly string[]): Promise<Counts> {
  if (suite.kind === 'lint') return countChecks(await runChecks(root));
  if (suite.kind === 'kernel') return runKernelSuite(root, { version: '6.1', full: process.env.MYELIN_NIGHTLY === '1', limitSeconds });
  const folder = mkdtempSync(join(tmpdir(), 'myelin-test-'));
  const file = join(folder, 'report.json');
  try {
    const args = ['run', '--project', suite.name, '--reporter=dot', '--reporter=json', `--outputFile.json=${file}`, ...filters];
    const status = await spawnVitest(root, args, limitSeconds);
    const report = readIfThere(file);
    const slowest = slowestFiles(report, 8).map((one) => `${relative(root, one.file)} ${one.seconds.toFixed(0)} s`);
    console.log(`${suite.name}, longest: ${slowest.join(', ')}`);
    return countVitest(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countChecks(results: readonly CheckResult[]): Counts {
  for (const { name, problems } of results) {
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
    for (const problem of problems) console.log(`       ${problem}`);
  }
  const failed = results.filter((result) => result.problems.length > 0).length;
  return { passed: results.length - failed, failed, skipped: 0 };
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
