import type { ErrorCode } from '@myelin/service';

/**
 * What becomes of a call that the identity allocator answered with an error (design C1).
 * `soon`: it is away or slow, the same call may succeed any moment. `new-session`: the session is not the node's any more; registered anew, the call is a new one. `later`: it is refused until
 * somebody mends the allocator or what it is allowed to do. `never`: this call can't succeed, whenever it is sent.
 */
export type Prospect = 'soon' | 'new-session' | 'later' | 'never';

const prospects: Readonly<Record<ErrorCode, Prospect>> = {
  unavailable: 'soon',
  deadline_exceeded: 'soon',
  cancelled: 'soon',
  aborted: 'new-session',
  unknown: 'later',
  internal: 'later',
  data_loss: 'later',
  unimplemented: 'later',
  permission_denied: 'later',
  unauthenticated: 'later',
  resource_exhausted: 'later',
  invalid_argument: 'never',
  not_found: 'never',
  already_exists: 'never',
  failed_precondition: 'never',
  out_of_range: 'never',
};

/** The prospect of a call that was answered by an error of this code. */
export function prospectOf(code: ErrorCode): Prospect {
  return prospects[code];
}
