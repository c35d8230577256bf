import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { allowLocalhost, type CompiledDirection } from './compiled.ts';
import { addEntries, addSums, digestOf, emptySum, pairTexts, sumOf } from './digest.ts';

const policy = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: 'u"1' } as const;
const direction: CompiledDirection = {
  isolated: true,
  isolatedBy: [policy],
  entries: [
    { peer: { kind: 'any' }, protocol: null, ports: null, verdict: 'allow', origins: [allowLocalhost] },
    { peer: { kind: 'identity', identity: 256 }, protocol: 'TCP', ports: { first: 80, last: 90 }, verdict: 'deny', origins: [] },
    { peer: { kind: 'world', family: 4 }, protocol: 'ICMP', ports: null, verdict: 'allow', origins: [] },
    { peer: { kind: 'world', family: null }, protocol: 'UDP', ports: null, verdict: 'allow', origins: [] },
    { peer: { kind: 'cidr', prefix: '::/0', except: ['fd00::/8'] }, protocol: null, ports: null, verdict: 'allow', origins: [] },
  ],
};
const untouched: CompiledDirection = { isolated: false, isolatedBy: [], entries: [] };

/** The same value with every object's fields in the opposite order. */
function turned<T>(value: T): T {
  if (Array.isArray(value)) return value.map(turned) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, turned(member)]),
  ) as T;
}

describe('the digest', () => {
  it('is written over JSON that does not depend on the order of fields', () => {
    const [first] = direction.entries;
    expect(pairTexts(first!)).toEqual([
      `{"peer":{"kind":"any"},"protocol":null,"ports":null,"verdict":"allow","origin":${JSON.stringify(allowLocalhost)}}`,
    ]);
    for (const entry of direction.entries) {
      expect(pairTexts(turned(entry))).toEqual(pairTexts(entry));
      const { origins: _origins, ...match } = entry;
      expect(pairTexts(entry).map((pair) => JSON.parse(pair))).toEqual([{ ...match, origin: entry.origins[0] ?? null }]);
    }
    expect(digestOf(turned(direction), turned(untouched))).toBe(digestOf(direction, untouched));
  });

  it('is the same on every machine: the first 8 bytes of SHA-256 over both directions, each with the sum of its pairs’ SHA-256', () => {
    const sum = new Uint32Array(8);
    for (const pair of direction.entries.flatMap(pairTexts)) {
      const hash = createHash('sha256').update(pair).digest();
      for (let word = 0; word < 8; word++) sum[word]! += hash.readUInt32LE(4 * word);
    }
    const ingress = `{"isolated":true,"isolatedBy":[${JSON.stringify(policy)}],"entries":[${[...sum]}]}`;
    const egress = '{"isolated":false,"isolatedBy":[],"entries":[0,0,0,0,0,0,0,0]}';
    const expected = createHash('sha256').update(`{"ingress":${ingress},"egress":${egress}}`).digest('hex');
    expect(digestOf(direction, untouched)).toBe(expected.slice(0, 16));
    expect(digestOf(untouched, direction)).not.toBe(digestOf(direction, untouched));
  });

  it('is another one for any entry more, less or changed, for isolation and for who isolates', () => {
    const [first, ...rest] = direction.entries;
    const others: CompiledDirection[] = [
      { ...direction, entries: rest },
      { ...direction, entries: [{ ...first!, verdict: 'deny' }, ...rest] },
      { ...direction, entries: [{ ...first!, origins: [] }, ...rest] },
      { ...direction, entries: [{ ...first!, protocol: 'SCTP' }, ...rest] },
      { ...direction, entries: [{ ...first!, ports: { first: 1, last: 2 } }, ...rest] },
      { ...direction, isolated: false },
      { ...direction, isolatedBy: [] },
    ];
    expect(new Set([direction, ...others].map((each) => digestOf(each, untouched))).size).toBe(others.length + 1);
  });
});

describe('a sum of entries', () => {
  it('is what was added and not taken away, in whatever order', () => {
    const sum = sumOf(direction.entries.toReversed());
    expect(sum).toEqual(sumOf(direction.entries));
    addEntries(sum, direction.entries.slice(1), -1);
    expect(sum).toEqual(sumOf(direction.entries.slice(0, 1)));
    expect(addSums(sum, sumOf(direction.entries.slice(1)))).toEqual(sumOf(direction.entries));
    addEntries(sum, direction.entries.slice(0, 1), -1);
    expect(sum).toEqual(emptySum());
  });
});
