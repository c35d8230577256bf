import type { BucketWriter } from '@myelin/state-stream';
import { parseRecord } from './record.ts';
import { stateScript } from './script.ts';
import { expiredTombstones, forgetTombstones } from './scripts/bucket.lua.ts';
import type { Store } from './store.ts';

const expired = stateScript(expiredTombstones);
const forget = stateScript(forgetTombstones);

/** Consumers that were away for less learn of a removal from the bucket; others read it from the beginning (design C2). */
const keepMs = 60 * 60_000;
const everyMs = 60_000;
const atOnce = 500;

/** Removes old tombstones, first from the bucket, then from Redis: killed in between, it does the rest the next time. */
export class TombstoneSweeper {
  readonly #kind: string;
  readonly #store: Store;
  readonly #keepMs: number;
  #sweptAt = 0;

  /** `keepForMs`: other than an hour only in tests. */
  constructor(kind: string, store: Store, keepForMs: number = keepMs) {
    this.#kind = kind;
    this.#store = store;
    this.#keepMs = keepForMs;
  }

  /** Sweeps when it is time. To be called by the bucket's one writer, between its batches. */
  async sweep(writer: BucketWriter, nowMs: number): Promise<void> {
    if (nowMs - this.#sweptAt < everyMs) return;
    this.#sweptAt = nowMs;
    const [, ...pairs] = await this.#store.run(expired, this.#kind, this.#keepMs, atOnce);
    if (pairs.length === 0) return;
    for (let i = 0; i < pairs.length; i += 2) await writer.purgeTombstone(pairs[i]!, parseRecord(pairs[i + 1]!).revision);
    await this.#store.run(forget, this.#kind, ...pairs);
  }
}
