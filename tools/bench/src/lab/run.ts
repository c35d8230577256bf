import { join } from 'node:path';
import { measureIsolated } from '../isolated.ts';
import type { Measurement } from '../result.ts';

/** What is measured, and how often. */
export interface LabOptions {
  /** Names of results; null: all. */
  readonly only: readonly string[] | null;
  readonly rounds: number;
}

/** Measures in a process of its own, in namespaces of its own, off the CPU that traffic has for itself. */
export async function measureLab({ only, rounds }: LabOptions): Promise<Measurement> {
  return measureIsolated(join(import.meta.dirname, 'measure.ts'), { only, rounds }, { keepOff: true });
}
