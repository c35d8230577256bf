/** This machine can't run another kernel: the message says what it lacks. Tests count as skipped then, for this reason. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}
