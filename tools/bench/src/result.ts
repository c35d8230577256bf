import type { Bar } from './bars.ts';
import { holdsFinally, holdsNow } from './bars.ts';
import { isLoaded, type Spread } from './statistics.ts';

/** What a suite measured: yardsticks by their letter, and its results. */
export interface Measurement {
  /** In the unit that the yardstick itself has: ns for Y, ms for J. */
  readonly yardsticks: Readonly<Record<string, Spread>>;
  /** Share of the machine's CPUs that other processes took meanwhile: 0 … 1. */
  readonly otherLoad: number;
  readonly measured: readonly Measured[];
}

/** Where nothing of what was asked for is built. */
export const nothing: Measurement = { yardsticks: {}, otherLoad: 0, measured: [] };

/**
 * One name's samples, in absolute terms (ns, bytes …) or, where the unit is a ratio, as ratios with the absolute `parts` that they are made of; `evidence` says by which counters the path is known to
 * be the one meant. `unit`: of a name that the bars don't have; Y unless told otherwise.
 */
export type Measured =
  | {
      readonly name: string;
      readonly unit?: string;
      readonly raw: Spread;
      readonly parts?: Readonly<Record<string, number>>;
      readonly evidence: string;
    }
  /** It could not be measured, or the counters say that it was another path. */
  | { readonly name: string; readonly unit?: string; readonly reason: string };

/** One line of the report. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  /** Median in `unit`; null: not measured, see `reason`. */
  readonly value: number | null;
  readonly best?: number;
  readonly raw?: Readonly<Record<string, number>>;
  readonly bar: Omit<Bar, 'unit'> | null;
  /** Against `bar.now`; null: nothing is asked, or it is not built. False, too, where it could not be measured. */
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
  /** Against which of its two values each bar is held. `best`: the machine was visibly loaded. */
  readonly judgedBy: 'median' | 'best';
  /** Share of the machine's CPUs that other processes took meanwhile: 0 … 1. */
  readonly otherLoad: number;
  readonly results: readonly Result[];
}

/** Units that are multiples of a yardstick, with the unit of its samples. */
const yardstickUnits: Readonly<Record<string, string>> = { Y: 'Ns', J: 'Ms' };

/** Which names are listed, and why those without a measurement have none. */
export interface ReportOptions {
  /** Names that were asked for; null: all. */
  readonly only: readonly string[] | null;
  readonly reasonOf: (name: string) => string;
}

/** Compares what was measured with the bars; names beyond the bars come last. */
export function report(
  suite: string,
  bars: Readonly<Record<string, Bar>>,
  { yardsticks, otherLoad, measured }: Measurement,
  { only, reasonOf }: ReportOptions,
): Report {
  const byName = new Map(measured.map((one) => [one.name, one]));
  const names = [...Object.keys(bars), ...measured.map(({ name }) => name).filter((name) => !(name in bars))];
  const judgedBy = isLoaded(otherLoad, Object.values(yardsticks)) ? 'best' : 'median';
  const results = names
    .filter((name) => only === null || only.includes(name))
    .map((name) => {
      const one = byName.get(name);
      const common = { name, unit: bars[name]?.unit ?? one?.unit ?? 'Y', bar: bars[name] === undefined ? null : limitsOf(bars[name]) };
      if (one === undefined) return { ...common, value: null, ok: null, final: null, reason: reasonOf(name) };
      if ('reason' in one) return { ...common, value: null, ok: false, final: false, reason: one.reason };
      return { ...common, ...judge(one, common.unit, bars[name] ?? null, yardsticks[common.unit], judgedBy) };
    });
  const units = Object.entries(yardsticks).map(([letter, spread]) => [letter, named(spread, yardstickUnits[letter]!)]);
  return { suite, yardsticks: Object.fromEntries(units), judgedBy, otherLoad: rounded(otherLoad), results };
}

function limitsOf({ unit: _unit, ...limits }: Bar): Omit<Bar, 'unit'> {
  return limits;
}

type Proven = Extract<Measured, { readonly raw: Spread }>;
type Judged = Pick<Result, 'value' | 'best' | 'raw' | 'ok' | 'final' | 'evidence'>;

/** `yardstick` is undefined where the unit is an absolute one. */
function judge(
  { raw, parts, evidence }: Proven,
  unit: string,
  bar: Bar | null,
  yardstick: Spread | undefined,
  by: 'median' | 'best',
): Judged {
  const values = yardstick === undefined ? raw : { median: raw.median / yardstick.median, best: raw.best / yardstick.best };
  return {
    value: rounded(values.median),
    best: rounded(values.best),
    raw: parts === undefined ? named(raw, yardstickUnits[unit] ?? '') : mapped(parts, rounded),
    ok: bar === null ? null : holdsNow(bar, values[by]),
    final: bar === null ? null : holdsFinally(bar, values[by]),
    evidence,
  };
}

function mapped(values: Readonly<Record<string, number>>, by: (value: number) => number): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, by(value)]));
}

/** `{ medianNs, bestNs }`. */
function named({ median, best }: Spread, unit: string): Readonly<Record<string, number>> {
  return { [`median${unit}`]: rounded(median), [`best${unit}`]: rounded(best) };
}

/** Three digits: more would be noise. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
