import { describe, expect, it } from 'vitest';
import { closingLine, countVitest, failures, slowestFiles } from './counts.ts';

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

describe('failures', () => {
  it('names failed tests and files with the first lines of why', () => {
    const text = report({
      testResults: [
        { name: 'a.spec.ts', status: 'passed', assertionResults: [{ status: 'passed', fullName: 'fine' }] },
        {
          name: 'b.spec.ts',
          status: 'failed',
          assertionResults: [
            { status: 'passed', fullName: 'fine' },
            { status: 'failed', fullName: 'adds up', failureMessages: ['\u001b[31mexpected 3\u001b[39m\nto be 4\n  at b.spec.ts:7'] },
          ],
        },
        { name: 'c.spec.ts', status: 'failed', message: 'no such module', assertionResults: [] },
      ],
    });
    expect(failures(text, 2)).toEqual([
      { file: 'b.spec.ts', test: 'adds up', why: 'expected 3\nto be 4' },
      { file: 'c.spec.ts', test: 'the file itself', why: 'no such module' },
    ]);
    expect(failures('', 2)).toEqual([]);
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
