import type { Identity, WatchResponse } from '@myelin/contracts/identity';
import type { Revision } from '@myelin/contracts/types';
import type { StreamBatch } from '@myelin/state-stream';

type Change = { readonly identity: Identity | null; readonly revision: Revision };

/** What one watcher has yet to be told: a number's latest change only, however slowly it reads. */
export interface Watcher {
  /** Messages since the last call; empty where there are none. */
  take(): WatchResponse[];
  /** Is called when there is something to take. */
  onNews: () => void;
  close(): void;
}

/** All identities as the stream has them, and their changes for any number of watchers. No I/O. */
export class IdentityFeed {
  readonly #identities = new Map<number, { readonly identity: Identity; readonly revision: Revision }>();
  readonly #watchers = new Set<{ note: (number: number, change: Change) => void; whole: (revision: Revision) => void }>();
  #whole: Revision | null = null;

  /** How many identities there are. */
  get size(): number {
    return this.#identities.size;
  }

  /** Takes a batch of the stream `identities` over. */
  apply(batch: StreamBatch<Identity>): void {
    for (const { row, revision } of batch.changed) {
      this.#identities.set(row.number, { identity: row, revision });
      for (const watcher of this.#watchers) watcher.note(row.number, { identity: row, revision });
    }
    for (const { key, revision } of batch.removed) {
      const number = Number(key);
      if (this.#identities.delete(number)) for (const watcher of this.#watchers) watcher.note(number, { identity: null, revision });
    }
    this.#whole = batch.revision;
    for (const watcher of this.#watchers) watcher.whole(batch.revision);
  }

  /** A watcher that is told of all identities, then (once they are whole) of the snapshot's end, then of every change. */
  watch(): Watcher {
    const pending = new Map<number, Change>(this.#identities);
    let endAt = this.#whole;
    let ended = false;
    const watcher: Watcher = {
      onNews: () => {},
      take: () => {
        const messages = [...pending].map(([number, change]) => messageOf(number, change));
        pending.clear();
        if (endAt !== null && !ended) {
          ended = true;
          messages.push({ event: { $case: 'snapshotEnd', value: {} }, revision: endAt });
        }
        return messages;
      },
      close: () => this.#watchers.delete(entry),
    };
    const entry = {
      note: (number: number, change: Change) => {
        // Re-inserted, so that the last change comes last.
        pending.delete(number);
        pending.set(number, change);
        watcher.onNews();
      },
      whole: (revision: Revision) => {
        if (ended) return;
        endAt = revision;
        watcher.onNews();
      },
    };
    this.#watchers.add(entry);
    return watcher;
  }
}

function messageOf(number: number, { identity, revision }: Change): WatchResponse {
  return { event: identity === null ? { $case: 'removed', value: number } : { $case: 'updated', value: identity }, revision };
}
