/** Whose rows come back by themselves: one scope for each service that keeps some. */
export const recoveryScopes = ['identity-allocator', 'ipam', 'lb-controller', 'policy-compiler'] as const;
export type RecoveryScope = (typeof recoveryScopes)[number];

/** How a recovery stands. */
export interface RecoveryStanding {
  /** The incarnation that was opened after the loss. */
  readonly incarnation: bigint;
  /** There is a whole bucket of every kind that the scope's rows come from. */
  readonly isWhole: boolean;
  /** An operator gave up what is missing, naming this incarnation. */
  readonly isAccepted: boolean;
  /** Null: nobody but the buckets knows these rows. */
  readonly presenters: Presenters | null;
}

/** Agents present what they know. */
export interface Presenters {
  /** Since the first of them could, in milliseconds of Redis' clock. */
  readonly elapsedMs: number;
  readonly waitMs: number;
  /** Nodes that there were, by the buckets, and that have presented nothing yet. */
  readonly missing: readonly string[];
}

/** What comes next: the rows, or a further look after a while; `problem`: what people are told meanwhile. */
export type RecoveryDecision = { readonly does: 'finish' } | { readonly does: 'wait'; readonly problem: string };

/**
 * Whether what is known is all that will be known (design C4). Rows that agents know, too, are waited for until all nodes of whole buckets have spoken, at most for a bounded time. Rows that they
 * don't (policies) come back from whole buckets alone, else it takes an operator: an empty set of policies would open every node.
 */
export function decideRecovery({ incarnation, isWhole, isAccepted, presenters }: RecoveryStanding): RecoveryDecision {
  if (presenters === null) {
    if (isWhole || isAccepted) return { does: 'finish' };
    return {
      does: 'wait',
      problem: `what Redis has lost is not whole in NATS: restore Redis' append-only file, or give it up with "myelin cluster accept-empty ${incarnation}"`,
    };
  }
  const { elapsedMs, waitMs, missing } = presenters;
  if (elapsedMs >= waitMs || (isWhole && missing.length === 0)) return { does: 'finish' };
  const whom = isWhole ? missing.join(', ') : 'the nodes';
  return {
    does: 'wait',
    problem: `Redis has lost its rows: waits for what ${whom} know, ${Math.ceil((waitMs - elapsedMs) / 1000)} s more`,
  };
}
