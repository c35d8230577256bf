import { join } from 'node:path';
import { measureIsolated } from '../isolated.ts';
import type { Measurement } from '../result.ts';

/** What is measured, and how often. */
export interface MeasureOptions {
  /** Names of results; null: all. */
  readonly only: readonly string[] | null;
  readonly rounds: number;
  /** Established connections of each busy client, a power of two: 65,536 where results are to be held against bars. */
  readonly connectionsOfClient: number;
}

/** Measures in a process of its own, in namespaces of its own. Throws where it fails; what it had to say about that is on stderr by then. */
export async function measureDatapath(options: MeasureOptions): Promise<Measurement> {
  return measureIsolated(join(import.meta.dirname, 'measure.ts'), options);
}
