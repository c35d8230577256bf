import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBucket, parseBucket } from './bucket.ts';
import { decodeEntry, encodeEntry } from './entry.ts';
import { decodeKey, encodeKey, endMarkerKey } from './key.ts';

describe('a key', () => {
  it('of any text becomes one NATS token and itself again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        fc.pre(key.isWellFormed());
        const encoded = encodeKey(key);
        expect(encoded).toMatch(/^[-=A-Za-z0-9_]+$/);
        expect(encoded).not.toBe(endMarkerKey);
        expect(decodeKey(encoded)).toBe(key);
      }),
    );
  });

  it('is decoded from no token that it is not encoded as', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[=A-F0-9a-z.]{0,8}$/), (token) => {
        const key = decodeKey(token);
        if (key !== null) expect(encodeKey(key)).toBe(token);
      }),
    );
    expect(decodeKey(endMarkerKey)).toBeNull();
  });
});

it("a bucket's name is read back, and nothing else is one", () => {
  const bucket = { kind: 'identities', incarnation: 1764000000000n, number: 3 };
  expect(parseBucket(formatBucket(bucket))).toEqual(bucket);
  for (const other of [
    'identities',
    'identities_1',
    'identities_0_1',
    'identities_1_0',
    'identities_01_1',
    'X_1_1',
    'identities_1_1_1',
    '',
  ]) {
    expect(parseBucket(other)).toBeNull();
  }
});

it('an entry is read back from its bytes, and other bytes are none', () => {
  const revision = fc.record({
    incarnation: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    counter: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  });
  const entry = fc.oneof(
    fc.record({ type: fc.constant('row' as const), revision, payload: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
    fc.record({ type: fc.constant('tombstone' as const), revision }),
    fc.record({ type: fc.constant('end' as const), revision, bucket: fc.string({ minLength: 1 }) }),
  );
  fc.assert(
    fc.property(entry, (written) => {
      expect(decodeEntry(encodeEntry(written))).toEqual(written);
    }),
  );
  expect(decodeEntry(new Uint8Array())).toBeNull();
  expect(decodeEntry(Buffer.from('not ours'))).toBeNull();
});
