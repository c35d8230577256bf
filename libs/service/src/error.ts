/** What can go wrong, as callers have to tell it apart: the names of gRPC's status codes, which libs/rpc turns them into and back. */
export const errorCodes = [
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/**
 * The one error type between Myelin's parts. `message` is one sentence that a person can act on: what failed, on which object, and what to do.
 * Expected outcomes are return values; this is for what the caller can't go on from. Match on `code`, never on the text.
 */
export class MyelinError extends Error {
  override readonly name = 'MyelinError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `error` is a MyelinError with one of `codes` (none given: with any). */
export function isMyelinError(error: unknown, ...codes: ErrorCode[]): error is MyelinError {
  return error instanceof MyelinError && (codes.length === 0 || codes.includes(error.code));
}
