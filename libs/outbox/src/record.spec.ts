import { decodeEntry, streamKinds } from '@myelin/state-stream';
import { describe, expect, it } from 'vitest';
import { parseRecord, parseRevision, revisionTextOf, writeOf } from './record.ts';

const { identities } = streamKinds;
const bucket = { kind: 'identities', incarnation: 7n, number: 2 };
const entry = (...fields: string[]) => ({ id: '1-0', fields });

describe('a record', () => {
  it('is read as revision and payload, whatever the payload holds', () => {
    expect(parseRecord('7 12 + {"a":"x\n + y"}')).toEqual({ revision: { incarnation: 7n, counter: 12n }, payload: '{"a":"x\n + y"}' });
    expect(parseRecord('7 13 - 1764000000000')).toEqual({ revision: { incarnation: 7n, counter: 13n }, payload: null });
  });

  it.each(['', '7', '7 12', '7 12 * x', 'a b + c', '7 -1 + x'])('is not %j', (text) => expect(() => parseRecord(text)).toThrow());
  it.each(['', '7', '7 12 ', 'a b'])('and a revision is not %j', (text) => expect(() => parseRevision(text)).toThrow());
});

describe('an outbox entry', () => {
  it('becomes a row of its kind', () => {
    const write = writeOf(identities, entry('key', '300', 'record', '7 12 + {"number":300,"labels":["k8s:a=b"]}'), bucket)!;
    expect(write.key).toBe('300');
    expect(write.entry).toMatchObject({ type: 'row', revision: { incarnation: 7n, counter: 12n } });
    if (write.entry.type === 'row') expect(identities.decode(write.entry.payload)).toEqual({ number: 300, labels: ['k8s:a=b'] });
  });

  it('becomes a tombstone', () => {
    expect(writeOf(identities, entry('key', '300', 'record', '7 13 - 1764000000000'), bucket)).toEqual({
      key: '300',
      entry: { type: 'tombstone', revision: { incarnation: 7n, counter: 13n } },
    });
  });

  it('becomes the end marker of its own bucket and nothing in another one', () => {
    const marker = entry('end', 'identities_7_2', 'record', '7 13');
    expect(writeOf(identities, marker, bucket)).toEqual({
      key: '',
      entry: { type: 'end', bucket: 'identities_7_2', revision: { incarnation: 7n, counter: 13n } },
    });
    expect(writeOf(identities, marker, { ...bucket, number: 3 })).toBeNull();
    expect(revisionTextOf(marker)).toBe('7 13');
    expect(revisionTextOf(entry('key', '1', 'record', '7 14 + {}'))).toBe('7 14');
  });

  it('that is damaged is told by an error, so that the relay can pass it over', () => {
    expect(() => writeOf(identities, entry('key', '300', 'record', '7 12 + {"number"'), bucket)).toThrow();
    expect(() => writeOf(identities, entry('key', '300'), bucket)).toThrow();
    expect(decodeEntry(Buffer.from('x'))).toBeNull();
  });
});
