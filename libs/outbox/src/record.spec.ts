import { decodeEntry, streamKinds } from '@myelin/state-stream';
import { describe, expect, it } from 'vitest';
import { parseRecord, parseRevision, queuedOf } from './record.ts';

const { identities } = streamKinds;
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
    const queued = queuedOf(identities, entry('key', '300', 'record', '7 12 + {"number":300,"labels":["k8s:a=b"]}'));
    expect(queued).toMatchObject({ id: '1-0', incarnation: 7n, revisionText: '7 12' });
    expect(queued.write).toMatchObject({ key: '300', entry: { type: 'row', revision: { incarnation: 7n, counter: 12n } } });
    if (queued.write?.entry.type === 'row')
      expect(identities.decode(queued.write.entry.payload)).toEqual({ number: 300, labels: ['k8s:a=b'] });
  });

  it('becomes a tombstone', () => {
    expect(queuedOf(identities, entry('key', '300', 'record', '7 13 - 1764000000000')).write).toEqual({
      key: '300',
      entry: { type: 'tombstone', revision: { incarnation: 7n, counter: 13n } },
    });
  });

  it('becomes the end marker of the bucket that it names', () => {
    expect(queuedOf(identities, entry('end', 'identities_7_2', 'record', '7 13'))).toMatchObject({
      revisionText: '7 13',
      write: { key: '', entry: { type: 'end', bucket: 'identities_7_2', revision: { incarnation: 7n, counter: 13n } } },
    });
  });

  it('that is damaged has no write, so that the relay can pass it over, and no existence without a revision', () => {
    expect(queuedOf(identities, entry('key', '300', 'record', '7 12 + {"number"'))).toMatchObject({ revisionText: '7 12', write: null });
    expect(() => queuedOf(identities, entry('key', '300'))).toThrow();
    expect(decodeEntry(Buffer.from('x'))).toBeNull();
  });
});
