import type { BpfMap } from './map.ts';
import { native, type RingBufferHandle } from './native.ts';

/** Records that lie in the reader's buffer until the next batch. */
export interface RecordBatch {
  readonly count: number;
  /** The filled part of the buffer; walk it with {@link records}. */
  readonly buffer: Buffer;
}

/**
 * Reads a ring buffer map. The event loop of this thread wakes when the kernel says that there is something, and each turn hands over one
 * batch that fills at most the buffer. Open until `close()`, and keeps the loop alive like a socket.
 */
export class RingBuffer {
  readonly #handle: RingBufferHandle;
  readonly #buffer: Buffer;

  /**
   * `buffer` bounds a batch and is used for all of them; it has to hold the largest record and 8 bytes. `onBatch` must be done with the
   * records when it returns; what it throws becomes an uncaught exception. `restMs`: once the ring is empty, it isn't looked at for so long, and programs wake nobody meanwhile.
   */
  constructor(map: BpfMap, buffer: Buffer, onBatch: (batch: RecordBatch) => void, restMs = 0) {
    this.#buffer = buffer;
    const hand = (count: number, bytes: number) => onBatch({ count, buffer: buffer.subarray(0, bytes) });
    this.#handle = native.ringBufferOpen(map.handle, buffer, hand, restMs);
  }

  /** A batch of what is there now, without waiting for a wake-up: for programs that send most records without one. */
  drain(): RecordBatch {
    const { count, bytes } = native.ringBufferDrain(this.#handle);
    return { count, buffer: this.#buffer.subarray(0, bytes) };
  }

  /** Records that were larger than the buffer and are lost. */
  get oversized(): number {
    return native.ringBufferOversized(this.#handle);
  }

  /** Stops reading; safe inside `onBatch`. Every use but another `close()` throws from then on. */
  close(): void {
    native.ringBufferClose(this.#handle);
  }
}

/** The records of a batch, as Buffers over the same bytes. Layout: length (u32), zero (u32), the record padded to 8 bytes. */
export function* records({ buffer }: RecordBatch): Generator<Buffer> {
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32LE(at);
    yield buffer.subarray(at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
}
