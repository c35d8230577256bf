import type { JsonPath, Problem } from '@myelin/manifest';

/** Where the checks that a schema can't make put what they find. Reading goes on after a problem, so that all are found. */
export type Report = (path: JsonPath, message: string, expected: string) => void;

/** A report that fills a list. */
export function reportInto(problems: Problem[]): Report {
  return (path, message, expected) => problems.push({ path, message, expected });
}
