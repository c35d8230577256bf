/** What a service does until it knows the incarnation; like a relay's, its deed is its whole state. */
export type OpeningState =
  /** `problem`: what the operator is told. */
  | { readonly does: 'wait'; readonly problem: string }
  | { readonly does: 'look' }
  /** Redis is empty. `life`: the name that this emptiness bears. */
  | { readonly does: 'ask NATS'; readonly life: string }
  | { readonly does: 'open'; readonly life: string; readonly greatest: bigint }
  | { readonly does: 'work'; readonly incarnation: bigint };

/** What Redis says: an incarnation is open, or it is empty and the emptiness has a name. */
export type IncarnationLook = { readonly word: 'open'; readonly incarnation: bigint } | { readonly word: 'empty'; readonly life: string };

/** What each deed is answered with when it succeeds. */
export interface OpeningAnswers {
  wait: null;
  look: IncarnationLook;
  /** The greatest incarnation of any bucket; 0 where there is none. */
  'ask NATS': bigint;
  open: IncarnationLook;
  /** A script was refused: Redis has another incarnation, or none. */
  work: null;
}

export type OpeningDeed = OpeningState['does'];
type StateOf<D extends OpeningDeed> = Extract<OpeningState, { readonly does: D }>;
type Transitions = {
  readonly [D in OpeningDeed]: (state: StateOf<D>, answer: OpeningAnswers[D], acceptEmpty: bigint | null) => OpeningState;
};

/**
 * How an incarnation is adopted or opened (design C3, C4). Redis empty although NATS holds buckets means that state was lost: beginning anew would take
 * every policy and identity from the nodes, so that needs an operator who names the lost incarnation. His word, and what NATS said, hold for the life of
 * Redis in which they were looked up, and for no later one.
 */
const next: Transitions = {
  wait: () => ({ does: 'look' }),
  look: (_state, look) => (look.word === 'open' ? { does: 'work', incarnation: look.incarnation } : { does: 'ask NATS', life: look.life }),
  'ask NATS': ({ life }, greatest, acceptEmpty) => {
    if (greatest === 0n || greatest === acceptEmpty) return { does: 'open', life, greatest };
    return {
      does: 'wait',
      problem: `Redis is empty, but NATS holds rows of incarnation ${greatest}: restore Redis' append-only file, or give up what it held with --accept-empty ${greatest}`,
    };
  },
  open: (_state, look) => (look.word === 'open' ? { does: 'work', incarnation: look.incarnation } : { does: 'look' }),
  work: () => ({ does: 'look' }),
};

/** Takes the opening one step further. `acceptEmpty`: the incarnation whose rows an operator gives up. */
export function advanceOpening<D extends OpeningDeed>(
  state: StateOf<D>,
  answer: OpeningAnswers[D],
  acceptEmpty: bigint | null,
): OpeningState {
  const step = next[state.does] as (state: StateOf<D>, answer: OpeningAnswers[D], acceptEmpty: bigint | null) => OpeningState;
  return step(state, answer, acceptEmpty);
}
