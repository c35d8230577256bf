import { MyelinError } from '@myelin/service';
import type { AllocateOutcome, MoveOutcome, RegisterOutcome, ReleaseOutcome, SessionRefusal } from '../adapters/registry.ts';

type Refused<T extends { readonly outcome: string }> = Exclude<T, { readonly outcome: 'ok' }>;

/** The error for a refused registration. */
export function registerRefusal(node: string, refused: Refused<RegisterOutcome>): MyelinError {
  if (refused.outcome === 'foreign') {
    return new MyelinError(
      'failed_precondition',
      `node ${node}: pod CIDR ${refused.cidr} is none of its blocks: ask ipam for it first (AcquireBlocks)`,
    );
  }
  return new MyelinError('already_exists', `node ${node}: address ${refused.address} belongs to node ${refused.holder}`);
}

/** The error for a call of another session; `what`: what it is about. */
export function sessionRefusal(what: string, node: string, refused: SessionRefusal): MyelinError {
  if (refused.outcome === 'unregistered')
    return new MyelinError('aborted', `node ${node} is not registered with this session: call RegisterNode first`);
  return new MyelinError(
    'aborted',
    `${what}: the session's ${refused.what} ${refused.given} is outdated, ${refused.seen} has been seen: another agent of the node, or a later call of it, has come before`,
  );
}

/** The error for a refused call about an endpoint. */
export function endpointRefusal(
  node: string,
  uid: string,
  refused: Refused<AllocateOutcome> | Refused<MoveOutcome> | Refused<ReleaseOutcome>,
): MyelinError {
  const endpoint = `endpoint ${uid} of node ${node}`;
  switch (refused.outcome) {
    case 'unregistered':
    case 'outdated':
      return sessionRefusal(endpoint, node, refused);
    case 'unheld':
      return new MyelinError(
        'not_found',
        `${endpoint} does not hold this number, or its addresses have another: call Allocate, then MoveAddresses`,
      );
    case 'outside':
      return new MyelinError('failed_precondition', `${endpoint}: address ${refused.address} is in none of the node's blocks`);
    case 'taken': {
      const { namespace, name, endpointUid, node: holder } = refused.holder;
      return new MyelinError(
        'already_exists',
        `${endpoint}: address ${refused.address} belongs to endpoint ${namespace}/${name} (${endpointUid}) of node ${holder}`,
      );
    }
    case 'exhausted':
      return new MyelinError(
        'resource_exhausted',
        `${endpoint}: every identity number is in use, or was too short a time ago: let fewer labels make an identity (label filter)`,
      );
  }
}
