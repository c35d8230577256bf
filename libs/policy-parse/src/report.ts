import type { JsonPath, Problem } from '@myelin/manifest';

/** Where the checks that a schema can't make put what they find. Conversion goes on after a problem, so that all are found. */
export type Report = (problem: Problem) => void;

/** Where readers put what is wrong, and what is right and hardly meant. */
export interface Reports {
  readonly report: Report;
  readonly warn: Report;
}

/** Shorthand: `report.at(path)(message, expected, nearest?)`. */
export function reporter(report: Report, path: JsonPath): (message: string, expected: string, nearest?: string) => void {
  return (message, expected, nearest) => report({ path, message, expected, nearest });
}
