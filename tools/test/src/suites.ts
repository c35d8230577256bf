/** The suites of `npm test`, in the order in which they begin: what is quick and tells most comes first. */
export interface Suite {
  readonly name: string;
  /** What it shows, for `--help` and the summary. */
  readonly shows: string;
  /** Seconds that it may take in `npm test`; printed with what it took, and a reason to act when passed. */
  readonly budgetSeconds: number;
  /** The same for `npm run test:nightly`, where MYELIN_NIGHTLY=1 makes the long suites full-sized. */
  readonly nightlyBudgetSeconds: number;
  /** A vitest project, the checks of tools/lint, or tests on Debian 12's own kernel in an emulated machine. */
  readonly kind: 'vitest' | 'lint' | 'kernel';
}

export const suites: readonly Suite[] = [
  { name: 'lint', shows: 'types, style, layers, generated code', budgetSeconds: 40, nightlyBudgetSeconds: 60, kind: 'lint' },
  { name: 'unit', shows: 'pure code', budgetSeconds: 45, nightlyBudgetSeconds: 120, kind: 'vitest' },
  {
    name: 'property',
    shows: 'engine = oracle, invariants under random input',
    budgetSeconds: 90,
    nightlyBudgetSeconds: 3600,
    kind: 'vitest',
  },
  {
    name: 'integration',
    shows: 'services on real Redis and NATS',
    budgetSeconds: 120,
    nightlyBudgetSeconds: 300,
    kind: 'vitest',
  },
  {
    name: 'kernel',
    shows: "Debian 12's own kernel: programs, packets, traffic",
    budgetSeconds: 160,
    nightlyBudgetSeconds: 900,
    kind: 'kernel',
  },
  {
    name: 'privileged',
    shows: 'BPF programs and agent on the real kernel',
    budgetSeconds: 380,
    nightlyBudgetSeconds: 2400,
    kind: 'vitest',
  },
  { name: 'e2e', shows: 'stories on the lab', budgetSeconds: 300, nightlyBudgetSeconds: 3600, kind: 'vitest' },
];
