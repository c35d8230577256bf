import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type ErrorCode, isMyelinError, MyelinError } from '@myelin/service';

const statusOf = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalid_argument: status.INVALID_ARGUMENT,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  permission_denied: status.PERMISSION_DENIED,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  failed_precondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  out_of_range: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  unauthenticated: status.UNAUTHENTICATED,
} as const satisfies Record<ErrorCode, status>;

const codeOf = new Map<number, ErrorCode>(Object.entries(statusOf).map(([code, number]) => [number, code as ErrorCode]));

/** Server's edge: the gRPC status of what a handler threw. Null for what nobody foresaw: the caller logs it and answers INTERNAL. */
export function statusOfError(error: unknown): StatusObject | null {
  if (!isMyelinError(error)) return null;
  return { code: statusOf[error.code], details: error.message, metadata: new Metadata() };
}

/** Answer for an error that nobody foresaw: no inner text leaves the process. */
export function internalStatus(service: string): StatusObject {
  return { code: status.INTERNAL, details: `internal error: see the log of ${service}`, metadata: new Metadata() };
}

/** Client's edge: turns what grpc-js reports into a MyelinError whose message names the peer where the peer itself said nothing. */
export function errorOfStatus(error: Partial<ServiceError>, peer: string, method: string): MyelinError {
  const code = codeOf.get(error.code ?? status.UNKNOWN) ?? 'unknown';
  const details = error.details ?? error.message ?? '';
  const options = { cause: error };
  if (code === 'unavailable' && !fromServer(error)) {
    return new MyelinError(code, `${peer} can't be reached for ${method}: is it running? (${details})`, options);
  }
  if (code === 'deadline_exceeded') return new MyelinError(code, `${peer} did not answer ${method} in time`, options);
  if (code === 'unimplemented') return new MyelinError(code, `${peer} does not know ${method}: is it another version?`, options);
  return new MyelinError(code, details === '' ? `${peer} refused ${method} without a reason` : details, options);
}

/** Metadata key by which a Myelin server marks statuses of its own, as grpc-js gives UNAVAILABLE for connection failures too. */
export const ownStatusKey = 'myelin-status';

function fromServer(error: Partial<ServiceError>): boolean {
  return (error.metadata?.get(ownStatusKey).length ?? 0) > 0;
}

/** Whether a caller can do nothing but try again: the peer is away, slow, or stopping. */
export function isTransient(error: unknown): boolean {
  return isMyelinError(error, 'unavailable', 'deadline_exceeded', 'cancelled');
}
