import { permutationOf } from './permutation.ts';
import type { TableSize } from './size.ts';

/*
 * Maglev (Eisenbud et al., NSDI 2016) with one change. In the paper a backend whose turn it is goes on through its permutation until it finds a free position, so that one backend less shifts every later
 * turn: of 100 backends and 16,381 positions, 1.34 % of the other backends' positions move. Here a turn asks for one position, taken or not, and a backend that has its share asks no more. So each position
 * goes to the backend that comes to it earliest in its own order and still has room: what one backend leaves moves little else (0.6–0.7 % there), and shares are still even to one position.
 */

/** Who may be chosen. */
export interface WeightedBackend {
  /** The same on every node: `10.244.0.1:80/TCP`. */
  readonly name: string;
  /** Whole number, 1–65535: share of the positions, in proportion. */
  readonly weight: number;
}

/** What a table is made with: the same in the whole cluster. */
export interface TableOptions {
  readonly size: TableSize;
  readonly seed: string;
}

/** A position that nobody has: only in the table of no backends. */
export const nobody = 0xffff;

/** Most backends of a table: it holds 16-bit numbers. */
export const mostBackends = 0xffff;

/** Backends while positions are given out, a field an array. */
interface Asking {
  /** Position that each asks for next, and how far it is to the one after. */
  readonly position: Int32Array;
  readonly step: Int32Array;
  /** How many positions each still gets for certain. */
  readonly owed: Int32Array;
  /** Turns: each round adds the weight; a turn costs the greatest weight. */
  readonly credit: Int32Array;
  readonly weights: Int32Array;
  /** All weights are the same: everyone has a turn in each round. */
  readonly even: boolean;
  /** Positions that nobody has yet, and those among them that rounding leaves over. */
  left: number;
  spare: number;
}

/** Names in the order that decides between two backends that ask in the same round; equal on every node whatever order they came in. */
function inNameOrder(backends: readonly WeightedBackend[]): Uint32Array {
  const order = Uint32Array.from(backends, (_, index) => index);
  return order.sort((a, b) => (backends[a]!.name < backends[b]!.name ? -1 : 1));
}

function asking(backends: readonly WeightedBackend[], { size, seed }: TableOptions): Asking {
  const count = backends.length;
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  const greatest = backends.reduce((most, { weight }) => Math.max(most, weight), 0);
  const position = new Int32Array(count);
  const step = new Int32Array(count);
  const owed = new Int32Array(count);
  const credit = new Int32Array(count);
  backends.forEach(({ name, weight }, index) => {
    const permutation = permutationOf(name, size, seed);
    position[index] = permutation.first;
    step[index] = permutation.step;
    owed[index] = Math.floor((size * weight) / total);
    // Everyone asks in the first round.
    credit[index] = greatest - weight;
  });
  const weights = Int32Array.from(backends, ({ weight }) => weight);
  const even = weights.every((weight) => weight === greatest);
  return { position, step, owed, credit, weights, even, left: size, spare: size - owed.reduce((sum, one) => sum + one, 0) };
}

/** The greatest weight among those that still ask. Turns are measured by it, so that a light one isn't waited for when the heavy ones have all. */
function greatestWeight(weights: Int32Array, askers: Uint32Array): number {
  let greatest = 0;
  for (const backend of askers) greatest = Math.max(greatest, weights[backend]!);
  return greatest;
}

/**
 * The table of some backends: at each position the index of a backend in `backends`. Depends on names, weights, size and seed alone, not on the order of `backends`. Shares are the exact proportion rounded down, or
 * one more; with more backends than positions some get none. Names must differ. About positions × log(positions) look-ups.
 * Throws RangeError for more than `mostBackends`.
 */
export function maglevTable(backends: readonly WeightedBackend[], options: TableOptions): Uint16Array {
  if (backends.length > mostBackends) throw new RangeError(`a table has at most ${mostBackends} backends, not ${backends.length}`);
  const table = new Uint16Array(options.size).fill(nobody);
  if (backends.length <= 1) return backends.length === 0 ? table : table.fill(0);
  const state = asking(backends, options);
  let askers = inNameOrder(backends);
  while (askers.length > 0) askers = askInTurn(table, askers, state);
  return table;
}

/**
 * Rounds until somebody has its share; returns who goes on, nobody when the table is full. One loop with everything in it: at 80,000 turns for a table of ten backends, and ten thousand tables, calls and what
 * can't be kept in registers would double the time.
 */
function askInTurn(table: Uint16Array, askers: Uint32Array, state: Asking): Uint32Array {
  const { position, step, owed, credit, weights, even } = state;
  const size = table.length;
  const turn = greatestWeight(weights, askers);
  let { left, spare } = state;
  let kept = askers.length;
  while (kept === askers.length && left > 0) {
    kept = 0;
    for (let index = 0; index < askers.length; index++) {
      const backend = askers[index]!;
      let hasTurn = true;
      if (!even) {
        const saved = credit[backend]! + weights[backend]!;
        hasTurn = saved >= turn;
        credit[backend] = hasTurn ? saved - turn : saved;
      }
      if (hasTurn) {
        const at = position[backend]!;
        const next = at + step[backend]!;
        position[backend] = next >= size ? next - size : next;
        if (table[at] === nobody) {
          const rest = owed[backend]!;
          if (rest === 0 && spare === 0) continue;
          table[at] = backend;
          left--;
          // What rounding left over goes to who comes first, at most one position each.
          if (rest === 0) {
            spare--;
            continue;
          }
          owed[backend] = rest - 1;
        }
      }
      askers[kept++] = backend;
    }
  }
  state.left = left;
  state.spare = spare;
  return askers.subarray(0, left === 0 ? 0 : kept);
}
