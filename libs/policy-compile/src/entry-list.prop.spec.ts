import { type CompiledEntry, type CompiledPeer, sumOf } from '@myelin/policy-model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalList, type EntryList, emptyList, mergeLists, withEntriesAbout } from './entry-list.ts';

const runs = { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 20_000 : 500 };
const identities = [300, 301, 302, 303];
const peers: fc.Arbitrary<CompiledPeer> = fc.constantFrom<CompiledPeer[]>(
  { kind: 'any' },
  ...identities.map((identity) => ({ kind: 'identity' as const, identity })),
  { kind: 'world', family: 4 },
  { kind: 'cidr', prefix: '10.0.0.0/8', except: [] },
);
const matches = fc.record({
  protocol: fc.constantFrom(null, 'TCP' as const, 'UDP' as const),
  ports: fc.constantFrom(null, { first: 80, last: 80 }, { first: 80, last: 90 }),
  verdict: fc.constantFrom('allow' as const, 'deny' as const),
});

/** Entries of one rule: that with this index. */
const entriesOf = (ruleIndex: number, peer: fc.Arbitrary<CompiledPeer> = peers): fc.Arbitrary<CompiledEntry[]> => {
  const policy = { kind: 'NetworkPolicy', namespace: 'n', name: 'p', uid: 'u' } as const;
  const origins = [{ policy, section: 'ingress' as const, specIndex: 0, ruleIndex }];
  return fc.array(
    fc.tuple(peer, matches).map(([who, match]) => ({ peer: who, ...match, origins })),
    { maxLength: 8 },
  );
};
const expectSummed = (list: EntryList) => expect(list.sum).toEqual(sumOf(list.entries));

it('lists of different rules merge to what all their entries make, in any order, and so do their sums (C7)', () => {
  const rules = fc.tuple(entriesOf(0), entriesOf(1), entriesOf(2), entriesOf(3));
  fc.assert(
    fc.property(rules, fc.shuffledSubarray([0, 1, 2, 3]), (entries, chosen) => {
      const merged = mergeLists(chosen.map((index) => canonicalList(entries[index]!)));
      expect(merged).toEqual(canonicalList(chosen.flatMap((index) => entries[index]!)));
      expectSummed(merged);
    }),
    runs,
  );
});

it('a list whose identities come and go one by one is the one made of those that are there (C7)', () => {
  const about = fc
    .constantFrom(...identities)
    .chain((identity) => fc.tuple(fc.constant(identity), entriesOf(0, fc.constant({ kind: 'identity' as const, identity }))));
  fc.assert(
    fc.property(entriesOf(0), fc.array(about, { maxLength: 12 }), (fixed, changes) => {
      const others = fixed.filter(({ peer }) => peer.kind !== 'identity');
      const known = new Map<number, CompiledEntry[]>();
      let list = others.length === 0 ? emptyList : canonicalList(others);
      for (const [identity, entries] of changes) {
        known.set(identity, entries);
        list = withEntriesAbout(identity, entries, list);
        expect(list).toEqual(canonicalList([...others, ...[...known.values()].flat()]));
        expectSummed(list);
      }
    }),
    runs,
  );
});
