import { hash } from 'node:crypto';
import type { TableSize } from './size.ts';

/** In which order a backend asks for positions: `first`, `first + step`, `first + 2 step` … modulo the table's size. `step` is never 0. */
export interface Permutation {
  readonly first: number;
  readonly step: number;
}

/**
 * The permutation of a backend: 48 bits each of SHA-256 over seed, a zero byte and the backend's name, so that it is the same on every node. `seed`: any text, the same in the whole cluster.
 * (Modulo a table's size, 48 bits are even to 1 in 2³¹.)
 */
export function permutationOf(backend: string, size: TableSize, seed: string): Permutation {
  const digest = hash('sha256', `${seed}\0${backend}`, 'buffer');
  return { first: digest.readUIntBE(0, 6) % size, step: (digest.readUIntBE(6, 6) % (size - 1)) + 1 };
}
