import { formatPrefix, prefix } from '@myelin/address';
import {
  type CompiledDirection,
  type CompiledEntry,
  type CompiledPeer,
  type CompiledPolicy,
  digestOf,
  type RuleOrigin,
} from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { Localizer, type LocalStep } from './localizer.ts';

const web = { kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'web', uid: '' } as const;
const rule = (ruleIndex: number): RuleOrigin => ({ policy: web, section: 'egress', specIndex: 0, ruleIndex });
const untouched: CompiledDirection = { isolated: false, isolatedBy: [], entries: [] };

/** A policy with isolated egress to some peers, by rules 0, 1 … */
function towards(identity: number, ...peers: CompiledPeer[]): CompiledPolicy {
  const entries = peers.map(
    (peer, index): CompiledEntry => ({ peer, protocol: null, ports: null, verdict: 'allow', origins: [rule(index)] }),
  );
  const egress = { isolated: true, isolatedBy: [web], entries };
  return { identity, ingress: untouched, egress, digest: digestOf(untouched, egress) };
}
const cidr = (text: string, ...except: string[]): CompiledPeer => ({ kind: 'cidr', prefix: text, except });

/** Steps as short lines. */
function written(steps: readonly LocalStep[]): string[] {
  return steps.flatMap((step) =>
    step.kind === 'subjects'
      ? [
          ...step.put.map(
            ({ identity, egress }) =>
              `${identity} → ${egress.entries.map(({ peer }) => ('identity' in peer ? peer.identity & 0xffffff : 'number' in peer ? `class ${peer.number}` : peer.space)).join(' ')}`,
          ),
          ...step.removed.map((identity) => `${identity} removed`),
        ]
      : [
          ...step.put.map((row) => `${formatPrefix(row.prefix)} = ${row.identity & 0xffffff}, class ${row.peerClass}`),
          ...step.deleted.map((gone) => `${formatPrefix(gone)} deleted`),
        ],
  );
}

describe('the localizer', () => {
  it('numbers prefixes before the policies that name them, and lets go of them after', () => {
    const localizer = new Localizer();
    expect(written(localizer.update({ put: [towards(300, cidr('10.0.0.0/8'))] }))).toEqual(['10.0.0.0/8 = 1, class 1', '300 → 1']);
    expect(written(localizer.update({ removed: [300] }))).toEqual(['300 removed', '10.0.0.0/8 deleted']);
    expect(localizer.prefixRows()).toEqual([]);
  });

  it('tells every subject in force about a part of its prefixes that gets a number, before it gets it', () => {
    const localizer = new Localizer();
    localizer.update({
      put: [
        towards(300, cidr('10.0.0.0/8')),
        towards(301, { kind: 'world', family: 4 }),
        towards(302, { kind: 'ipBlock', prefix: '10.0.0.0/8', except: [] }),
        towards(303, cidr('192.0.2.0/24')),
        towards(304, { kind: 'world', family: 6 }),
        towards(305, { kind: 'identity', identity: 300 }),
      ],
    });
    expect(written(localizer.update({ put: [towards(306, cidr('10.1.0.0/16'))] }))).toEqual([
      '300 → 1 3',
      '301 → 9 1 2 3',
      '302 → class 1 class 3',
      '10.1.0.0/16 = 3, class 3',
      '306 → 3',
    ]);
    expect(written(localizer.update({ removed: [306] }))).toEqual(['306 removed', '10.1.0.0/16 deleted']);
  });

  it('keeps the number of what is cut out of a prefix apart', () => {
    const localizer = new Localizer();
    expect(written(localizer.update({ put: [towards(300, cidr('10.0.0.0/8', '10.1.0.0/16'))] }))).toEqual([
      '10.0.0.0/8 = 1, class 1',
      '10.1.0.0/16 = 2, class 2',
      '300 → 1',
    ]);
  });

  it('leaves a subject alone that is put as it is', () => {
    const localizer = new Localizer();
    localizer.update({ put: [towards(300, cidr('10.0.0.0/8'))] });
    expect(localizer.update({ put: [towards(300, cidr('10.0.0.0/8'))] })).toEqual([]);
    expect(localizer.update({ removed: [301] })).toEqual([]);
    expect(localizer.update({ put: [towards(300, cidr('10.0.0.0/8'))], removed: [300] })).toEqual([]);
  });

  it('keeps a prefix’s number while anybody names it, and doesn’t give it again soon', () => {
    const localizer = new Localizer();
    localizer.update({ put: [towards(300, cidr('10.0.0.0/8')), towards(301, cidr('10.0.0.0/8'))] });
    localizer.update({ removed: [300] });
    expect(written(localizer.update({ put: [towards(302, cidr('10.0.0.0/8'))] }))).toEqual(['302 → 1']);
    localizer.update({ removed: [301, 302] });
    expect(written(localizer.update({ put: [towards(300, cidr('10.0.0.0/8'))] }))).toEqual(['10.0.0.0/8 = 2, class 2', '300 → 2']);
  });

  it('makes addresses of the cluster’s ranges unknown, and classes them by what covers them', () => {
    const localizer = new Localizer();
    const clusterRanges = [prefix('10.244.0.0/16')];
    const policy = towards(
      300,
      { kind: 'ipBlock', prefix: '10.0.0.0/8', except: [] },
      { kind: 'ipBlock', prefix: '10.244.1.0/24', except: [] },
    );
    localizer.update({ put: [policy] });
    expect(written(localizer.update({ clusterRanges }))).toEqual(['10.244.0.0/16 = 0, class 1', '10.244.1.0/24 = 0, class 2']);
    expect(written(localizer.update({ clusterRanges: [] }))).toEqual(['10.244.1.0/24 = 2, class 2', '10.244.0.0/16 deleted']);
  });

  it('names rules and default deny by numbers that mean the same as long as anybody uses them', () => {
    const localizer = new Localizer();
    const [, step] = localizer.update({ put: [towards(300, cidr('10.0.0.0/8')), towards(301, { kind: 'any' })] });
    const [one, other] = step?.kind === 'subjects' ? step.put : [];
    expect(one?.egress.entries[0]?.origin).toBe(other?.egress.entries[0]?.origin);
    expect(localizer.origin(one!.egress.entries[0]!.origin)).toEqual({ kind: 'rules', rules: [rule(0)] });
    expect(localizer.origin(one!.egress.defaultOrigin)).toEqual({ kind: 'default-deny', policies: [web] });
    expect([one!.ingress.defaultOrigin, localizer.origin(0), localizer.origin(99)]).toEqual([0, null, null]);
    // Events of a subject that is gone are explained all the same.
    localizer.update({ removed: [300, 301] });
    expect(localizer.origin(one!.egress.entries[0]!.origin)).toEqual({ kind: 'rules', rules: [rule(0)] });
  });

  it('goes on with its numbers after a restart', () => {
    const before = new Localizer();
    const policies = [towards(300, cidr('10.0.0.0/8'), cidr('192.0.2.0/24')), towards(301, cidr('10.1.0.0/16'))];
    const subjectsOf = (steps: readonly LocalStep[]) => steps.flatMap((step) => (step.kind === 'subjects' ? step.put : []));
    before.update({ put: [policies[1]!] });
    const asBefore = [
      ...subjectsOf(before.update({ put: [policies[0]!] })),
      ...subjectsOf(before.update({ put: [towards(302, cidr('10.2.0.0/16'))] })),
    ];
    const after = new Localizer(JSON.parse(JSON.stringify(before.allocation())));
    const again = subjectsOf(after.update({ put: [...policies, towards(302, cidr('10.2.0.0/16'))] }));
    expect(again.find(({ identity }) => identity === 300)).toEqual(asBefore.findLast(({ identity }) => identity === 300));
    expect(after.prefixRows()).toEqual(before.prefixRows());
    expect(after.allocation()).toEqual(before.allocation());
  });
});
