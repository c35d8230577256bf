/**
 * Ranges of rows, each a power of two long, out of one array. A range that is given back is given again before the array grows; ranges are never split or joined, so that what is wasted stays below what is in
 * use at the worst moment.
 */
export class Ranges {
  readonly #free = new Map<number, number[]>();
  #end = 0;

  /** First row of `size` rows; `size` is a power of two. */
  take(size: number): number {
    const again = this.#free.get(size)?.pop();
    if (again !== undefined) return again;
    const first = this.#end;
    this.#end += size;
    return first;
  }

  giveBack(first: number, size: number): void {
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [first]);
    else list.push(first);
  }

  /** Rows that were ever given: the array needs so many. */
  get end(): number {
    return this.#end;
  }
}
