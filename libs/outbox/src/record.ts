import type { Revision } from '@myelin/contracts/types';
import type { StreamKind } from '@myelin/state-stream';
import { type Bucket, formatBucket, type Write } from '@myelin/state-stream';

/** What a row's key holds in Redis (see the prelude). `payload` is JSON text; null for a tombstone. */
export interface StoredRow {
  readonly revision: Revision;
  readonly payload: string | null;
}

/** Reads "incarnation counter". Throws for anything else: only our scripts write it. */
export function parseRevision(text: string): Revision {
  const match = /^(\d+) (\d+)$/.exec(text);
  if (match === null) throw new Error(`"${text}" is no revision`);
  return { incarnation: BigInt(match[1]!), counter: BigInt(match[2]!) };
}

/** Reads a row's record. Throws for anything else. */
export function parseRecord(record: string): StoredRow {
  const match = /^(\d+ \d+) ([+-]) (.*)$/s.exec(record);
  if (match === null) throw new Error('a row has no readable record');
  return { revision: parseRevision(match[1]!), payload: match[2] === '+' ? match[3]! : null };
}

/** The row in a payload. Throws for a payload that is no JSON. */
export function rowOf<Row>(kind: StreamKind<Row>, payload: string): Row {
  return kind.fromObject(JSON.parse(payload) as object);
}

/** One entry of an outbox: id in its Redis stream, fields as name, value, name, value … */
export interface OutboxEntry {
  readonly id: string;
  readonly fields: readonly string[];
}

/** Revision of an outbox entry as scripts write it: "incarnation counter". */
export function revisionTextOf({ fields }: OutboxEntry): string {
  const record = fields[fields.indexOf('record') + 1] ?? '';
  return record.split(' ', 2).join(' ');
}

/** What an outbox entry writes into `bucket`; null for an end marker of another bucket, which is not to be written there. */
export function writeOf<Row>(kind: StreamKind<Row>, entry: OutboxEntry, bucket: Bucket): Write | null {
  const fields = new Map<string, string>();
  for (let i = 0; i < entry.fields.length; i += 2) fields.set(entry.fields[i]!, entry.fields[i + 1]!);
  const record = fields.get('record') ?? '';
  const end = fields.get('end');
  if (end !== undefined) {
    return end === formatBucket(bucket) ? { key: '', entry: { type: 'end', bucket: end, revision: parseRevision(record) } } : null;
  }
  const { revision, payload } = parseRecord(record);
  const key = fields.get('key') ?? '';
  if (payload === null) return { key, entry: { type: 'tombstone', revision } };
  return { key, entry: { type: 'row', revision, payload: kind.encode(rowOf(kind, payload)) } };
}
