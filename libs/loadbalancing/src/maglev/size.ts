/** Sizes that a table may have: primes, so that every permutation reaches every position. As in Cilium, whose configurations carry over. */
export const tableSizes = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071] as const;
export type TableSize = (typeof tableSizes)[number];

/** Size where none is configured. */
export const defaultTableSize: TableSize = 16381;

/** Whether a number is a size that a table may have. */
export function isTableSize(size: number): size is TableSize {
  return (tableSizes as readonly number[]).includes(size);
}
