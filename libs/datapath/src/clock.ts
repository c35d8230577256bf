import type { BpfMap } from '@myelin/bpf-native';
import { type NodeState, nodeStateCodec } from '@myelin/datapath-layout';
import { indexKey } from './table.ts';

const only = indexKey(0);

/**
 * The clock that dates every change (bpf/include/flow/README.md, "What writers must do"). All writing happens in turns: maps first, then the epochs of what changed,
 * last the clock itself. One process writes.
 */
export class Clock {
  readonly #map: BpfMap;
  #now: NodeState;
  /** The epoch of the turn under way; null between turns. */
  #turn: number | null = null;
  #prefixesChanged = false;

  constructor(nodeState: BpfMap) {
    this.#map = nodeState;
    this.#now = nodeStateCodec.read(nodeState.lookup(only)!);
  }

  /** Newest epoch in use. */
  get now(): number {
    return this.#now.clock;
  }

  /**
   * Runs `change` with the epoch that everything it touches must be given; the clock follows when it returns or throws. Turns inside a turn belong to the
   * outermost: an epoch must not be older than the clock when it is written. Synchronous only.
   */
  turn<T>(change: (epoch: number) => T): T {
    if (this.#turn !== null) return change(this.#turn);
    this.#turn = this.#now.clock + 1;
    try {
      return change(this.#turn);
    } finally {
      this.#end(this.#turn);
    }
  }

  /** The prefix tables changed in this turn. */
  prefixesChanged(): void {
    if (this.#turn === null) throw new Error('prefixes change within a turn only');
    this.#prefixesChanged = true;
  }

  #end(epoch: number): void {
    this.#turn = null;
    if (this.#prefixesChanged) {
      this.#prefixesChanged = false;
      // The epoch before the clock, by a write of its own: the two words of one update may be seen in any order.
      this.#write({ clock: this.#now.clock, prefixEpoch: epoch });
    }
    this.#write({ clock: epoch, prefixEpoch: this.#now.prefixEpoch });
  }

  #write(state: NodeState): void {
    this.#map.update(only, nodeStateCodec.encode(state));
    this.#now = state;
  }
}
