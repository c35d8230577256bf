import type { Revision } from '@myelin/contracts/types';
import type { Log } from '@myelin/service';
import type { RowChange } from './consumer-state.ts';
import type { StreamKind } from './kind.ts';

/**
 * Takes a consumer from one state of the publisher to a later one, exactly: after it the consumer has all rows as of `revision`, nothing newer, nothing
 * missing. The first batch is the whole snapshot. A key is in at most one of the two lists.
 */
export interface StreamBatch<Row> {
  readonly changed: readonly { readonly key: string; readonly row: Row; readonly revision: Revision }[];
  readonly removed: readonly { readonly key: string; readonly revision: Revision }[];
  /** Never decreases. */
  readonly revision: Revision;
  readonly snapshotComplete: true;
}

/** The batch of these changes. A row that its codec can't read is reported and passed over. */
export function batchOf<Row>(kind: StreamKind<Row>, changes: Iterable<RowChange>, revision: Revision, log: Log): StreamBatch<Row> {
  const changed: StreamBatch<Row>['changed'][number][] = [];
  const removed: StreamBatch<Row>['removed'][number][] = [];
  for (const { key, revision: at, payload } of changes) {
    if (payload === null) removed.push({ key, revision: at });
    else
      try {
        changed.push({ key, row: kind.decode(payload), revision: at });
      } catch (err) {
        log.error({ err, kind: kind.name, key }, 'a row is unreadable and was passed over');
      }
  }
  return { changed, removed, revision, snapshotComplete: true };
}
