import { prefix } from '@myelin/address';
import { Localizer, type LocalPolicy, type PrefixRow } from '@myelin/policy-localize';
import type { CompiledDirection, CompiledPolicy, RuleOrigin } from '@myelin/policy-model';
import { beforeEach, describe, expect, it } from 'vitest';
import { verifySubject } from './verify.ts';

const web = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: '' } as const;
const rule = (ruleIndex: number): RuleOrigin => ({ policy: web, section: 'ingress', specIndex: 0, ruleIndex });
const open: CompiledDirection = { isolated: false, isolatedBy: [], entries: [] };
const compiled: CompiledPolicy = {
  identity: 256,
  egress: open,
  digest: '0123456789abcdef',
  ingress: {
    isolated: true,
    isolatedBy: [web],
    entries: [
      { peer: { kind: 'identity', identity: 257 }, protocol: 'TCP', ports: { first: 80, last: 90 }, verdict: 'allow', origins: [rule(0)] },
      {
        peer: { kind: 'cidr', prefix: '198.51.100.0/24', except: ['198.51.100.128/25'] },
        protocol: null,
        ports: null,
        verdict: 'allow',
        origins: [rule(1)],
      },
      { peer: { kind: 'ipBlock', prefix: '10.0.0.0/8', except: [] }, protocol: 'UDP', ports: null, verdict: 'deny', origins: [rule(2)] },
    ],
  },
};

const everywhere: readonly PrefixRow[] = [
  { prefix: prefix('0.0.0.0/0'), identity: 9, peerClass: 0 },
  { prefix: prefix('::/0'), identity: 10, peerClass: 0 },
];

let localizer: Localizer;
let held: LocalPolicy;
let rows: readonly PrefixRow[];

beforeEach(() => {
  localizer = new Localizer();
  const steps = localizer.update({ put: [compiled] });
  held = steps.flatMap((step) => (step.kind === 'subjects' ? step.put : [])).at(-1)!;
  rows = [...localizer.prefixRows(), ...everywhere];
});

const verify = (policy = held, kernelRows = rows) =>
  verifySubject(compiled, { policy, originOf: (number) => localizer.origin(number) }, kernelRows).map(
    ({ direction, about, expected, found }) => `${direction}: ${about}: ${expected} | ${found}`,
  );
const withIngress = (change: Partial<LocalPolicy['ingress']>): LocalPolicy => ({ ...held, ingress: { ...held.ingress, ...change } });
const allowed = (ruleIndex: number) => `allow by NetworkPolicy shop/web, ingress[${ruleIndex}]`;

describe('a subject read back from the kernel', () => {
  it('that holds what was compiled has no deviation', () => {
    expect(verify()).toEqual([]);
  });

  it('whose port range lacks a block deviates at those ports', () => {
    const entries = held.ingress.entries.filter(({ port }) => port?.port !== 88);
    expect(verify(withIngress({ entries }))).toEqual([`ingress: identity 257, TCP from port 88: ${allowed(0)} | nothing`]);
  });

  it('deviates where a verdict is right and the rule that it names is not', () => {
    const other = localizer.update({
      put: [
        {
          ...compiled,
          identity: 258,
          ingress: { ...compiled.ingress, entries: [{ ...compiled.ingress.entries[0]!, origins: [rule(7)] }] },
        },
      ],
    });
    const origin = other.flatMap((step) => (step.kind === 'subjects' ? step.put : [])).find(({ identity }) => identity === 258)!.ingress
      .entries[0]!.origin;
    const entries = held.ingress.entries.map((entry) =>
      entry.peer.space === 'identity' && entry.peer.identity === 257 ? { ...entry, origin } : entry,
    );
    expect(verify(withIngress({ entries }))).toEqual([`ingress: identity 257, TCP from port 80: ${allowed(0)} | ${allowed(7)}`]);
  });

  it('lets in a peer that no entry names: a deviation', () => {
    const entries = [
      ...held.ingress.entries,
      { peer: { space: 'identity', identity: 300 }, protocol: null, port: null, verdict: 'allow', origin: 9999 } as const,
    ];
    expect(verify(withIngress({ entries }))).toEqual([
      'ingress: identity 300, every other protocol: nothing | allow by unknown origin 9999',
    ]);
  });

  it('deviates at addresses whose prefix is missing, and at those that lost their exception', () => {
    const without = (text: string) =>
      rows.filter((row) => !(row.prefix.bits === prefix(text).bits && row.prefix.value === prefix(text).value));
    expect(verify(held, without('198.51.100.0/24'))).toEqual([
      `ingress: addresses outside the cluster in 198.51.100.0/24, every other protocol: ${allowed(1)} | nothing`,
    ]);
    expect(verify(held, without('198.51.100.128/25'))).toEqual([
      `ingress: addresses outside the cluster in 198.51.100.128/25, every other protocol: nothing | ${allowed(1)}`,
    ]);
  });

  it('deviates where what it says of a class is missing', () => {
    expect(verify(withIngress({ entries: held.ingress.entries.filter(({ peer }) => peer.space !== 'class') }))).toEqual([
      'ingress: addresses in 10.0.0.0/8, UDP: deny by NetworkPolicy shop/web, ingress[2] | nothing',
    ]);
  });

  it('deviates where isolation, its policies or the digest are other ones', () => {
    expect(verify(withIngress({ isolated: false, defaultOrigin: 0 }))).toEqual([
      'ingress: isolation: isolated by NetworkPolicy shop/web | not isolated',
    ]);
    expect(verify(withIngress({ defaultOrigin: 0 }))).toEqual(['ingress: isolation: isolated by NetworkPolicy shop/web | isolated by ']);
    expect(verify({ ...held, digest: 'fedcba9876543210' })).toEqual(['null: digest: 0123456789abcdef | fedcba9876543210']);
  });
});
