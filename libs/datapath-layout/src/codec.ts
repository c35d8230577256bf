/** Reads and writes one C struct as the BPF programs lay it out (little-endian, but for `__be…` fields). */
export interface Codec<Value> {
  /** Bytes. */
  readonly size: number;
  /** Bytes from the struct's start to each field. */
  readonly offsets: Readonly<Record<keyof Value, number>>;
  /** The struct at `offset` (0). Byte arrays are copies. RangeError beyond the buffer. */
  read(buffer: Buffer, offset?: number): Value;
  /** Writes all its bytes, padding as zero. RangeError beyond the buffer, or for a value that does not fit its field. */
  write(buffer: Buffer, value: Value, offset?: number): void;
  /** A new Buffer of `size` bytes. */
  encode(value: Value): Buffer;
}
