import { relative } from 'node:path';
import type { CheckResult } from '@myelin/tool-lint';
import { type Counts, countVitest, failures } from './counts.ts';

/** What a suite came to: its counts, and each failure in a few lines. */
export interface Outcome {
  readonly counts: Counts;
  readonly failed: readonly string[];
}

/** How a vitest run ended, from its JSON report and exit status. */
export function outcomeOfVitest(report: string, status: number, root: string): Outcome {
  const failed = failures(report, 12).map(({ file, test, why }) => `${relative(root, file)} > ${test}\n${why.replaceAll(/^/gm, '    ')}`);
  return { counts: countVitest(report, status), failed };
}

/** How the checks of tools/lint ended; each is told as it is read. */
export function outcomeOfChecks(results: readonly CheckResult[]): Outcome {
  for (const { name, problems } of results) {
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
    for (const problem of problems) console.log(`       ${problem}`);
  }
  const failed = results.filter((result) => result.problems.length > 0);
  const counts = { passed: results.length - failed.length, failed: failed.length, skipped: 0 };
  return {
    counts,
    failed: failed.map(({ name, problems }) => [name, ...problems.slice(0, 12).map((problem) => `    ${problem}`)].join('\n')),
  };
}
