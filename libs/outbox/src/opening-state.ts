/** What a service does until it knows the incarnation; like a relay's, its deed is its whole state. */
export type OpeningState =
  /** `problem`: what the operator is told. */
  | { readonly does: 'wait'; readonly problem: string }
  | { readonly does: 'look' }
  /** Redis is empty. `life`: the name that this emptiness bears. */
  | { readonly does: 'ask NATS'; readonly life: string }
  | { readonly does: 'open'; readonly life: string; readonly greatest: bigint }
  /** The service's rows were lost and are not back: nothing of it is published, and nobody changes it. */
  | { readonly does: 'recover'; readonly incarnation: bigint }
  | { readonly does: 'work'; readonly incarnation: bigint };

/** What Redis says: an incarnation is open, or it is empty and the emptiness has a name. */
export type IncarnationLook =
  | { readonly word: 'open'; readonly incarnation: bigint; readonly isRecovering: boolean }
  | { readonly word: 'empty'; readonly life: string };

/** What each deed is answered with when it succeeds. */
export interface OpeningAnswers {
  wait: null;
  look: IncarnationLook;
  /** The greatest incarnation of any bucket; 0 where there is none. */
  'ask NATS': bigint;
  /** Opened, by whomever, or emptied once more: a look tells. */
  open: null;
  /** Null: the rows are back, by whomever; else what is missing. */
  recover: string | null;
  /** A script was refused: Redis has another incarnation, or none. */
  work: null;
}

export type OpeningDeed = OpeningState['does'];
type StateOf<D extends OpeningDeed> = Extract<OpeningState, { readonly does: D }>;
type Transitions = { readonly [D in OpeningDeed]: (state: StateOf<D>, answer: OpeningAnswers[D]) => OpeningState };

/**
 * How an incarnation is adopted or opened (design C3, C4). What was found out about an empty Redis holds for that life of it, and for no later one. An incarnation that is opened begins with a
 * recovery of each service's rows; it is worked under only when that is over, so that no relay publishes what is not whole yet. (Whoever sets up a new cluster opens its first incarnation himself.)
 */
const next: Transitions = {
  wait: () => ({ does: 'look' }),
  look: (_state, look) => {
    if (look.word === 'empty') return { does: 'ask NATS', life: look.life };
    return { does: look.isRecovering ? 'recover' : 'work', incarnation: look.incarnation };
  },
  'ask NATS': ({ life }, greatest) => ({ does: 'open', life, greatest }),
  open: () => ({ does: 'look' }),
  recover: (_state, problem) => (problem === null ? { does: 'look' } : { does: 'wait', problem }),
  work: () => ({ does: 'look' }),
};

/** Takes the opening one step further. */
export function advanceOpening<D extends OpeningDeed>(state: StateOf<D>, answer: OpeningAnswers[D]): OpeningState {
  const step = next[state.does] as (state: StateOf<D>, answer: OpeningAnswers[D]) => OpeningState;
  return step(state, answer);
}
