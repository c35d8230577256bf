import { POLICY_WAYS, policySpace, SUBJECTS, subjectCodec } from '@myelin/datapath-layout';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyImage, PolicyImageEntry } from './policy-image.ts';
import { indexKey } from './table.ts';
import type { Tables } from './tables.ts';
import { KernelTables } from './testing/kernel-tables.ts';

let kernel: KernelTables;
let tables: Tables;
beforeEach(async () => {
  kernel = await KernelTables.create();
  tables = await kernel.open();
});
afterEach(() => kernel.close());

const entry = (changes: Partial<PolicyImageEntry> = {}): PolicyImageEntry => ({
  direction: 1,
  space: policySpace.SPACE_IDENTITY,
  peer: 301,
  protocol: 6,
  port: 80,
  portBits: 16,
  deny: false,
  origin: 7,
  ruleSet: 0,
  ...changes,
});
const image = (identity: number, digest: string, entries: readonly PolicyImageEntry[] = [entry()]): PolicyImage => ({
  identity,
  digest: digest.padStart(16, '0'),
  ingressIsolated: true,
  egressIsolated: false,
  ingressDefaultOrigin: 3,
  egressDefaultOrigin: 0,
  entries,
});
const head = ({ entries: _, ...rest }: PolicyImage) => rest;
const sorted = (entries: readonly PolicyImageEntry[]) => entries.map((of) => JSON.stringify(of)).sort();

const subject = (identity: number) => subjectCodec.read(kernel.map('subjects').lookup(indexKey(tables.policies.subjectOf(identity)))!);
const placesTaken = () => tables.policies.pressure[2]!.entries;

describe('policies', () => {
  it('are read back from the kernel as written, entries of every shape included', async () => {
    const entries = [
      entry(),
      entry({ portBits: 0, port: 0, deny: true }),
      entry({ protocol: null, port: 0, portBits: 0, space: policySpace.SPACE_ANY, peer: 0 }),
      entry({ port: 0x1f00, portBits: 8, direction: 2, space: policySpace.SPACE_CLASS, peer: 9, ruleSet: 5, origin: 0xffffffff }),
    ];
    expect(await tables.policies.apply({ put: [image(300, 'abc', entries)] })).toEqual({ applied: [300], refused: [] });
    expect(tables.policies.read(300)).toEqual(head(image(300, 'abc')));
    expect(sorted(tables.policies.readEntries(300))).toEqual(sorted(entries));
    expect([tables.policies.read(301), tables.policies.readEntries(301)]).toEqual([null, []]);
  });
  it("are replaced by filling another id and flipping to it, the old entries' places free afterwards (D2)", async () => {
    await tables.policies.apply({ put: [image(300, 'a', [entry(), entry({ port: 81 })])] });
    const before = subject(300);
    await tables.policies.apply({ put: [image(300, 'b', [entry({ port: 443 })])] });
    const after = subject(300);
    expect(after.policy).not.toBe(before.policy);
    expect(after.epoch).toBeGreaterThan(before.epoch);
    expect(after.epoch).toBe(tables.clock.now);
    expect(placesTaken()).toBe(POLICY_WAYS);
    expect(tables.policies.read(300)?.digest).toBe('000000000000000b');
  });
  it('of one call flip in one turn of the clock', async () => {
    await tables.policies.apply({ put: [image(300, 'a'), image(301, 'b')] });
    expect(subject(300).epoch).toBe(subject(301).epoch);
    expect(tables.clock.now).toBe(1);
  });
  it('that are removed leave an index that is given again last, with an epoch that never falls', async () => {
    await tables.policies.apply({ put: [image(300, 'a')] });
    const index = tables.policies.subjectOf(300);
    await tables.policies.apply({ removed: [300, 999] });
    const freed = subjectCodec.read(kernel.map('subjects').lookup(indexKey(index))!);
    expect(freed).toMatchObject({ policy: 0, epoch: tables.clock.now });
    expect(placesTaken()).toBe(0);
    expect(tables.policies.subjectOf(301)).not.toBe(index);
  });
  it('that are removed leave their indexes in the order in which they go, over a restart too', async () => {
    await tables.policies.apply({ put: [image(300, 'a'), image(301, 'b'), image(302, 'c')] });
    const freed = [302, 300, 301].map((identity) => [identity, tables.policies.subjectOf(identity)] as const);
    for (const [identity] of freed) await tables.policies.apply({ removed: [identity] });
    const givenBy = ({ policies }: Tables) => Array.from({ length: SUBJECTS - 1 }, (_, number) => policies.subjectOf(1000 + number));
    const anew = await kernel.open();
    for (const given of [givenBy(tables), givenBy(anew)]) expect(given.slice(-3)).toEqual(freed.map(([, index]) => index));
    expect(() => anew.policies.subjectOf(300)).toThrow(/no room for another identity/);
  });
  it('are compared entry by entry with what is in the kernel', async () => {
    const held = image(300, 'a', [entry(), entry({ port: 81 })]);
    await tables.policies.apply({ put: [held] });
    expect(tables.policies.holds({ ...held, entries: held.entries.toReversed() })).toBe(true);
    expect(tables.policies.holds({ ...held, entries: [entry(), entry({ port: 82 })] })).toBe(false);
    expect(tables.policies.holds({ ...held, entries: [entry()] })).toBe(false);
    expect(tables.policies.holds({ ...held, egressIsolated: true })).toBe(false);
    expect(tables.policies.holds(image(301, 'a'))).toBe(false);
  });
  it('keep the index that was given before the policy was there', async () => {
    const index = tables.policies.subjectOf(300);
    await tables.policies.apply({ put: [image(300, 'a')] });
    expect(tables.policies.subjectOf(300)).toBe(index);
  });
  it('are found again by a new process: indexes, ids and entries', async () => {
    await tables.policies.apply({ put: [image(300, 'a'), image(301, 'b', [entry(), entry({ port: 81 })])] });
    const [index, { policy }] = [tables.policies.subjectOf(301), subject(301)];
    tables = await kernel.open();
    expect(tables.policies.subjectOf(301)).toBe(index);
    expect(tables.policies.readEntries(301)).toHaveLength(2);
    expect(tables.policies.identities().toSorted()).toEqual([300, 301]);
    await tables.policies.apply({ put: [image(301, 'c')] });
    expect(subject(301).policy).toBeGreaterThan(policy);
    expect(placesTaken()).toBe(2 * POLICY_WAYS);
  });
  it('that a killed agent left half filled take no room from the next one, those in force stay', async () => {
    await tables.policies.apply({ put: [image(300, 'a')] });
    const before = subject(300);
    await tables.policies.apply({ put: [image(300, 'b', [entry({ port: 443 })])] });
    // As if it had been killed between filling and flipping.
    kernel
      .map('subjects')
      .update(indexKey(tables.policies.subjectOf(300)), subjectCodec.encode({ ...before, policy: subject(300).policy }));
    tables = await kernel.open();
    expect(tables.policies.pressure.map(({ entries }) => entries)).toEqual([1, 1, POLICY_WAYS]);
    expect(tables.policies.readEntries(300)).toEqual([entry({ port: 443 })]);
    await tables.policies.apply({ put: [image(301, 'c', [entry({ port: 81 })])] });
    expect(tables.policies.readEntries(300)).toEqual([entry({ port: 443 })]);
  });
});

describe('a policy that does not fit', () => {
  it('is refused by name; what was in force for it and for others stays (C8)', async () => {
    const small = await KernelTables.create({ policy_entries: 4 });
    try {
      const tight = await small.open();
      await tight.policies.apply({ put: [image(300, 'a'), image(301, 'b')] });
      const large = Array.from({ length: 9 }, (_, port) => entry({ port }));
      const { applied, refused } = await tight.policies.apply({ put: [image(300, 'c', large), image(301, 'd')] });
      expect(applied).toEqual([301]);
      expect(refused.map(({ identity, error }) => [identity, error.code])).toEqual([[300, 'full']]);
      expect(refused[0]!.error.message).toMatch(/identity 300: it has 9 entries/);
      expect([tight.policies.read(300)?.digest, tight.policies.read(301)?.digest].map((digest) => digest?.at(-1))).toEqual(['a', 'd']);
      expect(tight.policies.readEntries(300)).toEqual([entry()]);
      expect(small.refusals.get('policy_entries')).toBe(1);
      expect(tight.policies.pressure[2]).toMatchObject({ entries: 2 * POLICY_WAYS, capacity: 4 * POLICY_WAYS });
    } finally {
      small.close();
    }
  });
});
