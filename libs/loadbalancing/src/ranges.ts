/**
 * Ranges of rows, each a power of two long, out of one array. A range that is given back is given again before the array grows; ranges are never split or joined, so that what is wasted stays below what is in
 * use at the worst moment.
 */
export class Ranges {
  readonly #back = new Map<number, number[]>();
  #end = 0;

  /** With these ranges given; they don't overlap. What lies between them can be given again. */
  static around(given: readonly { readonly first: number; readonly room: number }[]): Ranges {
    const ranges = new Ranges();
    for (const { first, room } of given.toSorted((a, b) => a.first - b.first)) {
      ranges.#free(ranges.#end, first);
      ranges.#end = first + room;
    }
    return ranges;
  }

  /** First row of `size` rows; `size` is a power of two. */
  take(size: number): number {
    const again = this.#back.get(size)?.pop();
    if (again !== undefined) return again;
    const first = this.#end;
    this.#end += size;
    return first;
  }

  giveBack(first: number, size: number): void {
    const list = this.#back.get(size);
    if (list === undefined) this.#back.set(size, [first]);
    else list.push(first);
  }

  /** Cuts what lies between two rows into ranges that somebody may ask for. */
  #free(from: number, to: number): void {
    for (let first = from; first < to; ) {
      const size = 2 ** Math.floor(Math.log2(to - first));
      this.giveBack(first, size);
      first += size;
    }
  }

  /** Rows that were ever given: the array needs so many. */
  get end(): number {
    return this.#end;
  }
}
