/** Median and best (lowest) of the rounds. */
export interface Spread {
  readonly median: number;
  readonly best: number;
}

/** Throws RangeError for no samples. */
export function spreadOf(samples: readonly number[]): Spread {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1]!, best: sorted[0]! };
}

/** One round of something that can only be measured together with something else: what both take, and what the other takes by itself. */
export interface Sample {
  readonly with: number;
  readonly without: number;
}

/** Spread of the difference, each side taken for itself, as yardstick.c does it: a round in which only one side was disturbed says nothing about the difference. */
export function spreadOfDifference(samples: readonly Sample[]): Spread {
  const whole = spreadOf(samples.map((sample) => sample.with));
  const rest = spreadOf(samples.map((sample) => sample.without));
  return { median: whole.median - rest.median, best: whole.best - rest.best };
}

/** How far a yardstick's median may be from its best, and how much of the machine others may use, where it counts as quiet. */
const quiet = { ratio: 1.1, otherLoad: 0.1 } as const;

/** Whether the machine was visibly loaded: bars are held against the best round then. */
export function isLoaded(otherLoad: number, yardsticks: readonly Spread[]): boolean {
  return otherLoad > quiet.otherLoad || yardsticks.some(({ median, best }) => median > best * quiet.ratio);
}
