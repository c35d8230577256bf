import type { LabConfig } from '../config.ts';

/** What every command gets. A command returns its exit code, or throws LabFailure. */
export interface CommandContext {
  readonly config: LabConfig;
  /** Prints an answer and a line break on standard output. */
  readonly print: (text: string) => void;
  /** Says something beside the answer, on standard error. */
  readonly say: (text: string) => void;
}
