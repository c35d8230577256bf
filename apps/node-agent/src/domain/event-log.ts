/** The last records of a fixed size, the newest ones over the oldest. */
export class EventLog {
  readonly #bytes: Buffer;
  readonly #recordSize: number;
  readonly #capacity: number;
  #written = 0;

  constructor(capacity: number, recordSize: number) {
    this.#capacity = capacity;
    this.#recordSize = recordSize;
    this.#bytes = Buffer.alloc(capacity * recordSize);
  }

  add(record: Buffer): void {
    record.copy(this.#bytes, (this.#written % this.#capacity) * this.#recordSize, 0, this.#recordSize);
    this.#written++;
  }

  /** Views of the records that are remembered, oldest first: valid until the next `add`. */
  *records(): Generator<Buffer> {
    const first = Math.max(0, this.#written - this.#capacity);
    for (let index = first; index < this.#written; index++) {
      const at = (index % this.#capacity) * this.#recordSize;
      yield this.#bytes.subarray(at, at + this.#recordSize);
    }
  }
}
