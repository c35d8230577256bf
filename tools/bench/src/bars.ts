import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a result is held against. `now`: what must hold at this stage; null: nothing is asked yet; absent: as `max` or `min`. */
export interface Bar {
  readonly unit: string;
  readonly now?: number | null;
  readonly max?: number;
  readonly min?: number;
}

/** Bars by suite and result name, in the order of the file. */
export type Bars = Readonly<Record<string, Readonly<Record<string, Bar>>>>;

/** The project's copy of the shared bench folder: both yardsticks and the bars. */
export const yardstickFolder = join(import.meta.dirname, '..', 'yardstick');

/** Bars that the project's issues set and the shared folder doesn't have. */
const ownBars: Bars = {
  datapath: {
    'service-established-forward-1-vs-10k': { unit: 'x', max: 1.1 },
    'service-established-reply-1-vs-10k': { unit: 'x', max: 1.1 },
  },
};

/** Reads `bars.json`; those of our own follow each suite's. */
export function readBars(): Bars {
  const { $comment: _comment, ...suites } = JSON.parse(readFileSync(join(yardstickFolder, 'bars.json'), 'utf8')) as Bars & {
    readonly $comment?: unknown;
  };
  return Object.fromEntries(Object.entries(suites).map(([name, bars]) => [name, { ...bars, ...ownBars[name] }]));
}

/** Whether a value holds against the end's bar; null: the bar names none. */
export function holdsFinally({ max, min }: Bar, value: number): boolean | null {
  if (max !== undefined) return value <= max;
  return min === undefined ? null : value >= min;
}

/** Whether a value holds at this stage; null: nothing is asked yet. */
export function holdsNow(bar: Bar, value: number): boolean | null {
  if (bar.now === null) return null;
  if (bar.now === undefined) return holdsFinally(bar, value);
  return bar.max === undefined ? value >= bar.now : value <= bar.now;
}
