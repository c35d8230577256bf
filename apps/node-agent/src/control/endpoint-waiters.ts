import type { EndpointRecord } from '@myelin/identity-rules';
import { MyelinError } from '@myelin/service';

interface Waiter {
  readonly resolve: (record: EndpointRecord | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Callers that wait until something is true of an endpoint, or it can't become true. */
export class EndpointWaiters {
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #recordOf: (uid: string) => EndpointRecord | undefined;
  readonly #timeoutMs: number;

  constructor(recordOf: (uid: string) => EndpointRecord | undefined, timeoutMs: number) {
    this.#recordOf = recordOf;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves with the ready endpoint; throws what made that impossible, `aborted` when it was deleted, or `deadline_exceeded`. */
  async untilReady(uid: string): Promise<EndpointRecord> {
    const record = await this.until(uid, (current) => current?.state === 'ready' || current === null);
    if (record !== null) return record;
    throw new MyelinError('aborted', `the endpoint ${uid} was deleted meanwhile`);
  }

  /** Resolves with the first record (null: gone) that `isEnough`; throws what made it impossible, or `deadline_exceeded`. */
  until(uid: string, isEnough: (record: EndpointRecord | null) => boolean): Promise<EndpointRecord | null> {
    const now = this.#recordOf(uid) ?? null;
    if (isEnough(now)) return Promise.resolve(now);
    const { promise, resolve, reject } = Promise.withResolvers<EndpointRecord | null>();
    const waiter: Waiter = { resolve: (record) => isEnough(record) && resolve(record), reject };
    const waiting = this.#waiting.get(uid) ?? new Set();
    this.#waiting.set(uid, waiting.add(waiter));
    const timer = setTimeout(() => reject(this.#tooLate(uid)), this.#timeoutMs);
    return promise.finally(() => {
      clearTimeout(timer);
      waiting.delete(waiter);
      if (waiting.size === 0 && this.#waiting.get(uid) === waiting) this.#waiting.delete(uid);
    });
  }

  /** Tells them of a new record. */
  changed(uid: string, record: EndpointRecord | null): void {
    for (const { resolve } of this.#waiting.get(uid) ?? []) resolve(record);
  }

  /** What they wait for won't come. */
  reject(uid: string, error: unknown): void {
    for (const { reject } of this.#waiting.get(uid) ?? []) reject(error);
  }

  rejectAll(error: unknown): void {
    for (const uid of this.#waiting.keys()) this.reject(uid, error);
  }

  #tooLate(uid: string): MyelinError {
    const record = this.#recordOf(uid);
    const who = record === undefined ? uid : `${record.spec.namespace}/${record.spec.name}`;
    const why = record?.message || (record?.assigned === null ? 'waits for its identity' : 'is not there yet');
    return new MyelinError('deadline_exceeded', `the endpoint ${who} ${why}; it goes on being made, ask again`);
  }
}
