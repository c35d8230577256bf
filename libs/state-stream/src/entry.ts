import { Envelope } from '@myelin/contracts/stream';
import type { Revision } from '@myelin/contracts/types';
import { compareRevisions } from '@myelin/revision';

/** What a key of a bucket holds. */
export type Entry =
  | { readonly type: 'row'; readonly revision: Revision; readonly payload: Uint8Array }
  | { readonly type: 'tombstone'; readonly revision: Revision }
  /** All rows of `bucket` (its name) are there. */
  | { readonly type: 'end'; readonly revision: Revision; readonly bucket: string };

/** The entry as bytes of `myelin.stream.v1.Envelope`. */
export function encodeEntry(entry: Entry): Uint8Array {
  return Envelope.encode({
    revision: entry.revision,
    tombstone: entry.type === 'tombstone',
    payload: entry.type === 'row' ? (entry.payload as Buffer) : Buffer.alloc(0),
    endOfBucket: entry.type === 'end' ? entry.bucket : '',
  }).finish();
}

/** The entry of a value; null for bytes that no publisher of ours wrote (a deletion marker of another tool, for instance). */
export function decodeEntry(bytes: Uint8Array): Entry | null {
  if (bytes.length === 0) return null;
  try {
    const { revision, tombstone, payload, endOfBucket } = Envelope.decode(bytes);
    if (revision === undefined) return null;
    if (endOfBucket !== '') return { type: 'end', revision, bucket: endOfBucket };
    return tombstone ? { type: 'tombstone', revision } : { type: 'row', revision, payload };
  } catch {
    return null;
  }
}

/** Whether `wanted` may replace what a key holds: only by what is greater, or where nothing readable is. */
export function mayReplace(stored: Entry | null, wanted: Entry): boolean {
  return stored === null || compareRevisions(wanted.revision, stored.revision) > 0;
}
