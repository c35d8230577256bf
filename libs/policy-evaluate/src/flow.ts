import type { CompiledPolicy } from '@myelin/policy-model';
import { type Decision, evaluate } from './decide.ts';
import type { End, Traffic } from './match.ts';

/** A new connection, or its first datagram, from one end to the other. Replies need no decision of their own. */
export interface Flow extends Traffic {
  readonly source: End;
  readonly destination: End;
}

/** What both ends say. An end without policy of its own (the world, a host) says nothing: null. */
export interface FlowDecision {
  readonly verdict: 'allow' | 'deny';
  readonly egress: Decision | null;
  /** Null also when egress has already denied: the packet never gets there. */
  readonly ingress: Decision | null;
}

/** Decides a flow as the datapath does: egress at the source, then ingress at the destination. `policyOf` gives null for an end that is no subject. */
export function evaluateFlow(
  policyOf: (identity: number) => CompiledPolicy | null,
  { source, destination, protocol, port }: Flow,
): FlowDecision {
  const decide = (subject: End, direction: 'ingress' | 'egress', peer: End): Decision | null => {
    const policy = policyOf(subject.identity);
    return policy && evaluate(policy, { direction, peer, protocol, port });
  };
  const egress = decide(source, 'egress', destination);
  if (egress?.verdict === 'deny') return { verdict: 'deny', egress, ingress: null };
  const ingress = decide(destination, 'ingress', source);
  return { verdict: ingress?.verdict ?? 'allow', egress, ingress };
}
