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
    readonly assertionResults: readonly unknown[];
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
