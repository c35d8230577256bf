import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Rows whose garbage is worth a pause: below, V8's own collections do. */
const manyRows = 2000;
/** For how long no row must have come: what is in the midst of a burst is collected by V8 anyway. */
const quietMs = 2000;

/**
 * Gives back what reading many rows took. V8 lets its heap grow for the burst (to three times what is left of it in the end) and shrinks it only in a collection that an idle agent gives it
 * no reason for. Costs one pause of some 50 ms.
 */
export class MemoryReturn {
  #rows = 0;
  #timer: NodeJS.Timeout | null = null;

  /** So many rows have just been handled. */
  handled(rows: number): void {
    this.#rows += rows;
    if (this.#rows < manyRows) return;
    clearTimeout(this.#timer ?? undefined);
    this.#timer = setTimeout(() => {
      this.#rows = 0;
      collect();
    }, quietMs).unref();
  }
}

/** The full collection that `node --expose-gc` offers; the flag works at any time for contexts made after it. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as (options: object) => void)({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
