import type { Revision } from '@myelin/contracts/types';
import type { StreamKind, Write } from '@myelin/state-stream';
import type { QueuedWrite } from './relay-state.ts';

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

/** An outbox entry as its relay sees it; `write` is null for one that can't be read as a row, and an error for one without even a revision. */
export function queuedOf<Row>(kind: StreamKind<Row>, { id, fields }: OutboxEntry): QueuedWrite {
  const named = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) named.set(fields[i]!, fields[i + 1]!);
  const record = named.get('record') ?? '';
  const revisionText = record.split(' ', 2).join(' ');
  return { id, revisionText, incarnation: parseRevision(revisionText).incarnation, write: writeOf(kind, named, record) };
}

/** What a bucket should hold for a row; null where it can't be read. */
export function writeOfRow<Row>(kind: StreamKind<Row>, { key, record }: { readonly key: string; readonly record: string }): Write | null {
  return writeOf(kind, new Map([['key', key]]), record);
}

function writeOf<Row>(kind: StreamKind<Row>, fields: ReadonlyMap<string, string>, record: string): Write | null {
  try {
    const bucket = fields.get('end');
    if (bucket !== undefined) return { key: '', entry: { type: 'end', bucket, revision: parseRevision(record) } };
    const { revision, payload } = parseRecord(record);
    const key = fields.get('key')!;
    if (payload === null) return { key, entry: { type: 'tombstone', revision } };
    return { key, entry: { type: 'row', revision, payload: kind.encode(rowOf(kind, payload)) } };
  } catch {
    return null;
  }
}
