import type { Services } from '../adapters/services.ts';

/** What every command gets. A command returns its exit code; it throws CommandFailure or MyelinError. */
export interface CommandContext {
  readonly services: Services;
  /** Prints a whole answer and a line break on standard output. */
  print(text: string): void;
  /** Says something beside the answer, on standard error. */
  say(text: string): void;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}
