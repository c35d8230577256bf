import { stripVTControlCharacters } from 'node:util';

/** How many tests of a suite ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const nothing: Counts = { passed: 0, failed: 0, skipped: 0 };

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The closing line that CI reads: it must stand alone, as the last one. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The part of vitest's JSON report that we read (vitest 5, reporter `json`). */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    /** Path of the file. */
    readonly name: string;
    readonly status: string;
    /** Milliseconds. */
    readonly startTime: number;
    readonly endTime: number;
    /** Why the file itself failed, before or beside its tests. */
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/**
 * Counts of a vitest run. A file that failed before it had a test (a syntax error, a failed `beforeAll` of the file) counts as one failure, and so does a
 * run that ended badly though no test of it failed (an unhandled error).
 */
export function countVitest(text: string, exitStatus: number): Counts {
  let report: VitestReport;
  try {
    report = JSON.parse(text) as VitestReport;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitStatus !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** The tests and files that failed in a vitest run, each with the first lines of why: what must stand at the end of a long output. */
export function failures(text: string, lines: number): readonly { readonly file: string; readonly test: string; readonly why: string }[] {
  let report: VitestReport;
  try {
    report = JSON.parse(text) as VitestReport;
  } catch {
    return [];
  }
  const short = (why: string) =>
    stripVTControlCharacters(why)
      .trim()
      .split('\n')
      .filter((line) => !line.includes('/node_modules/'))
      .slice(0, lines)
      .join('\n');
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((one) => one.status === 'failed');
    if (failed.length === 0) return status === 'failed' ? [{ file: name, test: 'the file itself', why: short(message ?? '') }] : [];
    return failed.map((one) => ({ file: name, test: one.fullName, why: short(one.failureMessages?.[0] ?? '') }));
  });
}

/** The files of a vitest run that took longest, longest first: where a suite that is over its budget has to be looked at. */
export function slowestFiles(text: string, most: number): readonly { readonly file: string; readonly seconds: number }[] {
  let report: VitestReport;
  try {
    report = JSON.parse(text) as VitestReport;
  } catch {
    return [];
  }
  const files = report.testResults.map(({ name, startTime, endTime }) => ({ file: name, seconds: (endTime - startTime) / 1000 }));
  return files.sort((a, b) => b.seconds - a.seconds).slice(0, most);
}
