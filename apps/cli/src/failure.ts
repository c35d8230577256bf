/** Exit codes, for scripts. */
export const exitCodes = {
  ok: 0,
  /** The answer is "no": not ready, not found, refused. */
  failed: 1,
  /** The command line or a manifest is wrong; nothing was changed. */
  usage: 2,
  /** The time was over before it was done. */
  overdue: 3,
  /** A service didn't answer. */
  unreachable: 4,
} as const;

/** Ends the command with a message for people on standard error. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}
