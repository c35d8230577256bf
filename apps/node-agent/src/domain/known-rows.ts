import { compareRevisions, type Revision } from '@myelin/revision';

/** A row of a stream as it was read; `payload` null: it was removed. */
interface ReadRow {
  readonly key: string;
  readonly revision: Revision;
  readonly payload: Uint8Array | null;
}

/** A stream that was read, and up to which revision whoever asks knows all of it without us (undefined: nothing). */
export interface KnownStream {
  readonly kind: string;
  readonly rows: Iterable<ReadRow>;
  readonly beyond: Revision | undefined;
}

/** What is to be told of streams to somebody who has lost them (design C4): everything later than what is known without it. An empty payload is a removal. */
export function* rowsToPresent(streams: Iterable<KnownStream>) {
  for (const { kind, rows, beyond } of streams)
    for (const { key, revision, payload } of rows)
      if (beyond === undefined || compareRevisions(revision, beyond) > 0)
        yield { kind, key, revision, payload: Buffer.from(payload ?? []) };
}
