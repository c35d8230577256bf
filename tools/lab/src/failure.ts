/** Exit codes, for scripts and tests. `exec` passes its command's own code on instead. */
export const exitCodes = {
  ok: 0,
  /** Bad input, or the lab can't do it; what is wrong has been said. */
  failed: 1,
  /** What was asked for isn't enforced yet though the time limit has passed. */
  overdue: 3,
} as const;

/** Ends a command with a message for people. */
export class LabFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
