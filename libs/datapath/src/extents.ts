interface Extent {
  readonly first: number;
  readonly count: number;
}

/** Which places of an array are free, for whoever needs some in a row. */
export class Extents {
  readonly #capacity: number;
  /** In order, none touching the next. */
  #free: readonly Extent[];

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = [{ first: 0, count: capacity }];
  }

  get capacity(): number {
    return this.#capacity;
  }

  get taken(): number {
    return this.#free.reduce((taken, { count }) => taken - count, this.#capacity);
  }

  /** The first of `count` free places in a row, which are taken from now on; null: there are none. */
  take(count: number): number | null {
    const found = this.#free.find((free) => free.count >= count);
    if (found === undefined) return null;
    this.claim(found.first, count);
    return found.first;
  }

  /** Takes these very places. Throws RangeError where one isn't free. */
  claim(first: number, count: number): void {
    if (count === 0) return;
    const from = this.#free.find((free) => free.first <= first && first + count <= free.first + free.count);
    if (from === undefined) throw new RangeError(`places ${first} to ${first + count - 1} are not free`);
    const rest = [
      { first: from.first, count: first - from.first },
      { first: first + count, count: from.first + from.count - first - count },
    ];
    this.#free = this.#free.flatMap((free) => (free === from ? rest.filter((one) => one.count > 0) : [free]));
  }

  /** Gives places back. */
  give(first: number, count: number): void {
    if (count === 0) return;
    const before = this.#free.filter((free) => free.first < first);
    const after = this.#free.slice(before.length);
    const merged: Extent[] = [];
    for (const extent of [...before, { first, count }, ...after]) {
      const last = merged.at(-1);
      if (last !== undefined && last.first + last.count === extent.first)
        merged[merged.length - 1] = { first: last.first, count: last.count + extent.count };
      else merged.push(extent);
    }
    this.#free = merged;
  }
}
