export type { CheckResult } from './check.ts';
export { runChecks } from './checks.ts';
