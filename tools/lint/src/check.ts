/** Result of one check: its problems, each a line that says where, what and how to mend it. */
export interface CheckResult {
  readonly name: string;
  readonly problems: readonly string[];
}

/** One thing that `npm run lint` looks at. */
export interface Check {
  readonly name: string;
  run(root: string): Promise<readonly string[]>;
}
