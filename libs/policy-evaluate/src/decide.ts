import { reservedIdentities } from '@myelin/labels';
import {
  type CompiledDirection,
  type CompiledPolicy,
  compareOrigins,
  type Direction,
  type PolicyReference,
  type RuleOrigin,
} from '@myelin/policy-model';
import { type End, matchesPeer, matchesTraffic, type Traffic } from './match.ts';

/** Why a direction of one subject lets a flow pass or not. */
export type Reason =
  /** A deny rule matches: it beats every allow. */
  | 'deny-rule'
  | 'allow-rule'
  /** Isolated, and no rule allows. */
  | 'default-deny'
  /** Nothing isolates the direction, and no rule denies. */
  | 'not-isolated'
  /** The other end's address is one of the cluster that nobody has: dropped before policy (design D4). */
  | 'unknown-peer';

/** What one direction of one subject says to a flow, and who says it. */
export interface Decision {
  readonly verdict: 'allow' | 'deny';
  readonly reason: Reason;
  /** Every rule that matches with the deciding verdict, sorted; empty where no rule decided. */
  readonly origins: readonly RuleOrigin[];
  /** With default deny: the policies that isolate. */
  readonly isolatedBy: readonly PolicyReference[];
}

/** A flow as one of its ends sees it. */
export interface SubjectFlow extends Traffic {
  readonly direction: Direction;
  readonly peer: End;
}

function originsOf({ entries }: CompiledDirection, verdict: 'allow' | 'deny', flow: SubjectFlow): readonly RuleOrigin[] {
  const matching = entries.filter(
    (entry) => entry.verdict === verdict && matchesTraffic(entry, flow) && matchesPeer(entry.peer, flow.peer),
  );
  const sorted = matching.flatMap(({ origins }) => origins).sort(compareOrigins);
  return sorted.filter((origin, index) => index === 0 || compareOrigins(sorted[index - 1]!, origin) !== 0);
}

/** Decides a flow by the compiled policy of one of its ends. */
export function evaluate(policy: CompiledPolicy, flow: SubjectFlow): Decision {
  const said = (verdict: Decision['verdict'], reason: Reason, rest: Partial<Decision> = {}): Decision => ({
    verdict,
    reason,
    origins: [],
    isolatedBy: [],
    ...rest,
  });
  if (flow.peer.identity === reservedIdentities.unknown) return said('deny', 'unknown-peer');
  const direction = policy[flow.direction];
  const denying = originsOf(direction, 'deny', flow);
  if (denying.length > 0) return said('deny', 'deny-rule', { origins: denying });
  const allowing = originsOf(direction, 'allow', flow);
  if (allowing.length > 0) return said('allow', 'allow-rule', { origins: allowing });
  if (!direction.isolated) return said('allow', 'not-isolated');
  return said('deny', 'default-deny', { isolatedBy: direction.isolatedBy });
}
