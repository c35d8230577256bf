import { describe, expect, it } from 'vitest';
import { closingLine, countVitest, slowestFiles } from './counts.ts';

const report = (parts: object) =>
  JSON.stringify({ numPassedTests: 3, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0, testResults: [], ...parts });

describe('countVitest', () => {
  it('reads passed, failed and skipped tests', () => {
    expect(countVitest(report({ numFailedTests: 2 }), 1)).toEqual({ passed: 3, failed: 2, skipped: 1 });
  });
  it('counts a file that failed before its first test', () => {
    expect(countVitest(report({ testResults: [{ status: 'failed', assertionResults: [] }] }), 1).failed).toBe(1);
  });
  it('counts an unhandled error although every test passed', () => {
    expect(countVitest(report({}), 1).failed).toBe(1);
  });
  it('counts a run that left no report as failed', () => {
    expect(countVitest('', 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('slowestFiles', () => {
  it('are the longest ones, longest first; none of a run that left no report', () => {
    const file = (name: string, endTime: number) => ({ name, status: 'passed', startTime: 1000, endTime, assertionResults: [] });
    const text = report({ testResults: [file('a', 2000), file('b', 4500), file('c', 3000)] });
    expect(slowestFiles(text, 2)).toEqual([
      { file: 'b', seconds: 3.5 },
      { file: 'c', seconds: 2 },
    ]);
    expect(slowestFiles('', 2)).toEqual([]);
  });
});

describe('closingLine', () => {
  it('has the form that CI reads', () => {
    expect(closingLine({ passed: 10, failed: 0, skipped: 2 })).toBe('10 passed, 0 failed, 2 skipped');
  });
});
