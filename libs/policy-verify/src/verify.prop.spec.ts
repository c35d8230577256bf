import { type Prefix, prefix } from '@myelin/address';
import { compilePolicies } from '@myelin/policy-compile';
import { type LocalEntry, Localizer, type LocalPolicy } from '@myelin/policy-localize';
import type { CompiledPolicy } from '@myelin/policy-model';
import { world } from '@myelin/policy-model/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifySubject } from './verify.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 3000 : 150;
const clusterRanges: readonly Prefix[] = ['10.244.0.0/16', 'fd00:244::/32'].map((text) => prefix(text));

/** Rows for what no policy names, as the kernel has them. */
const everywhere = [
  { prefix: prefix('0.0.0.0/0'), identity: 9, peerClass: 0 },
  { prefix: prefix('::/0'), identity: 10, peerClass: 0 },
];

/** A node's kernel after all of these policies were applied. */
function applied(policies: readonly CompiledPolicy[]) {
  const localizer = new Localizer();
  const subjects = new Map<number, LocalPolicy>();
  for (const step of localizer.update({ put: policies, clusterRanges }))
    if (step.kind === 'subjects') for (const policy of step.put) subjects.set(policy.identity, policy);
  const named = localizer.prefixRows();
  const isNamed = (one: Prefix) =>
    named.some((row) => row.prefix.bits === one.bits && row.prefix.value === one.value && row.prefix.family === one.family);
  const rows = [...named, ...everywhere.filter((row) => !isNamed(row.prefix))];
  return { subjects, rows, originOf: (number: number) => localizer.origin(number) };
}

describe('a receipt', () => {
  it('finds nothing where the kernel holds what was compiled', () => {
    fc.assert(
      fc.property(world, ({ identities, policies }) => {
        const compiled = compilePolicies(identities, policies);
        const { subjects, rows, originOf } = applied(compiled);
        for (const policy of compiled)
          expect(verifySubject(policy, { policy: subjects.get(policy.identity)!, originOf }, rows)).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('finds every entry that is missing', () => {
    fc.assert(
      fc.property(world, fc.nat(), ({ identities, policies }, pick) => {
        const compiled = compilePolicies(identities, policies);
        const { subjects, rows, originOf } = applied(compiled);
        for (const policy of compiled) {
          const held = subjects.get(policy.identity)!;
          const { entries } = held.ingress;
          if (entries.length === 0) continue;
          const gone = entries[pick % entries.length]!;
          if (isInert(gone, rows)) continue;
          const damaged = { ...held, ingress: { ...held.ingress, entries: entries.filter((entry) => entry !== gone) } };
          const found = verifySubject(policy, { policy: damaged, originOf }, rows);
          expect(found.map(({ direction }) => direction)).toContain('ingress');
        }
      }),
      { numRuns },
    );
  });

  it('finds verdicts that are turned round, and a policy of another moment', () => {
    let tried = 0;
    fc.assert(
      fc.property(world, world, (one, other) => {
        const compiled = compilePolicies(one.identities, one.policies);
        const { subjects, rows, originOf } = applied(compiled);
        const before = new Map(compilePolicies(one.identities, other.policies).map((policy) => [policy.identity, policy]));
        for (const policy of compiled) {
          const held = subjects.get(policy.identity)!;
          const turned = held.egress.entries.map(
            (entry): LocalEntry => ({ ...entry, verdict: entry.verdict === 'deny' ? 'allow' : 'deny' }),
          );
          if (held.egress.entries.some((entry) => !isInert(entry, rows))) {
            expect(verifySubject(policy, { policy: { ...held, egress: { ...held.egress, entries: turned } }, originOf }, rows)).not.toEqual(
              [],
            );
            tried++;
          }
          const old = before.get(policy.identity);
          if (old !== undefined && old.digest !== policy.digest)
            expect(verifySubject(old, { policy: held, originOf }, rows)).toContainEqual(expect.objectContaining({ about: 'digest' }));
        }
      }),
      { numRuns },
    );
    expect(tried).toBeGreaterThan(100);
  });
});

/** Whether no packet can meet an entry: all addresses of its prefix have narrower ones, or are the cluster's own. */
function isInert({ peer }: LocalEntry, rows: readonly { identity: number; peerClass: number }[]): boolean {
  if (peer.space === 'any') return false;
  if (peer.space === 'class') return true;
  return (
    peer.identity === 2 ||
    (peer.identity >= 1 << 24 && !rows.some(({ identity }) => identity === peer.identity)) ||
    isCovered(peer.identity, rows)
  );
}

/** 9 and 10 are of addresses that no row of a policy covers: with 0.0.0.0/0 or ::/0 named there are none. */
function isCovered(identity: number, rows: readonly { identity: number }[]): boolean {
  return (identity === 9 || identity === 10) && !rows.some((row) => row.identity === identity);
}
