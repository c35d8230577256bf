import type { Bar } from './bars.ts';
import { holdsFinally, holdsNow } from './bars.ts';
import { isLoaded, type Spread } from './statistics.ts';

/** What a suite measured: yardsticks by their letter, and its results. */
export interface Measurement {
  /** In the unit that the yardstick itself has: ns for Y, ms for J. */
  readonly yardsticks: Readonly<Record<string, Spread>>;
  readonly measured: readonly Measured[];
}

/** One name's samples, in absolute terms: ns, bytes …; `evidence` says by which counters the path is known to be the one meant. */
export type Measured =
  | { readonly name: string; readonly raw: Spread; readonly evidence: string }
  /** It could not be measured, or the counters say that it was another path. */
  | { readonly name: string; readonly reason: string };

/** One line of the report. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  /** Median in `unit`; null: not measured, see `reason`. */
  readonly value: number | null;
  readonly best?: number;
  readonly raw?: Readonly<Record<string, number>>;
  readonly bar: Omit<Bar, 'unit'> | null;
  /** Against `bar.now`; null: nothing is asked, or nothing was measured. */
  readonly ok: boolean | null;
  /** Against `bar.max` or `bar.min`. */
  readonly final: boolean | null;
  readonly evidence?: string;
  readonly reason?: string;
}

/** What `--json` prints. */
export interface Report {
  readonly suite: string;
  readonly yardsticks: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** `best`: the machine was visibly loaded. */
  readonly judgedBy: 'median' | 'best';
  readonly results: readonly Result[];
}

/** Units that are multiples of a yardstick, with the unit of its samples. */
const yardstickUnits: Readonly<Record<string, string>> = { Y: 'Ns', J: 'Ms' };

/** Compares what was measured with the bars. `reasons` tells of each name without a measurement why; names beyond the bars come last. */
export function report(
  suite: string,
  bars: Readonly<Record<string, Bar>>,
  { yardsticks, measured }: Measurement,
  reasonOf: (name: string) => string,
): Report {
  const byName = new Map(measured.map((one) => [one.name, one]));
  const names = [...Object.keys(bars), ...measured.map(({ name }) => name).filter((name) => !(name in bars))];
  const judgedBy = Object.values(yardsticks).some(isLoaded) ? 'best' : 'median';
  return {
    suite,
    yardsticks: Object.fromEntries(Object.entries(yardsticks).map(([letter, spread]) => [letter, named(spread, yardstickUnits[letter]!)])),
    judgedBy,
    results: names.map((name) =>
      resultOf(name, bars[name] ?? null, byName.get(name) ?? { name, reason: reasonOf(name) }, yardsticks, judgedBy),
    ),
  };
}

function resultOf(name: string, bar: Bar | null, measured: Measured, yardsticks: Measurement['yardsticks'], by: 'median' | 'best'): Result {
  const { unit, ...limits } = bar ?? { unit: 'Y' };
  const common = { name, unit, bar: bar === null ? null : limits };
  if ('reason' in measured) return { ...common, value: null, ok: null, final: null, reason: measured.reason };
  const { raw, evidence } = measured;
  const yardstick = yardsticks[unit];
  const values = yardstick === undefined ? raw : { median: raw.median / yardstick.median, best: raw.best / yardstick.best };
  return {
    ...common,
    value: rounded(values.median),
    best: rounded(values.best),
    raw: named(raw, yardstickUnits[unit] ?? ''),
    ok: bar === null ? null : holdsNow(bar, values[by]),
    final: bar === null ? null : holdsFinally(bar, values[by]),
    evidence,
  };
}

/** `{ medianNs, bestNs }`. */
function named({ median, best }: Spread, unit: string): Readonly<Record<string, number>> {
  return { [`median${unit}`]: rounded(median), [`best${unit}`]: rounded(best) };
}

/** Three digits: more would be noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
