import { describe, expect, it } from 'vitest';
import { allowLocalhost, type CompiledEntry, type CompiledPeer, type RuleOrigin } from './compiled.ts';
import { compareEntries, compareOrigins, formatOrigin } from './order.ts';

const policy = { kind: 'CiliumNetworkPolicy', namespace: 'shop', name: 'web', uid: 'u1' } as const;
const origin = (section: RuleOrigin['section'], ruleIndex: number, specIndex = 0): RuleOrigin => ({
  policy,
  section,
  specIndex,
  ruleIndex,
});

describe('the order of compiled policy', () => {
  it('puts wider matches before narrower ones and is the same from every shuffle', () => {
    const cidr = (prefix: string, ...except: string[]): CompiledPeer => ({ kind: 'cidr', prefix, except });
    const peers: CompiledPeer[] = [
      { kind: 'any' },
      { kind: 'identity', identity: 9 },
      { kind: 'identity', identity: 256 },
      { kind: 'world', family: null },
      { kind: 'world', family: 6 },
      cidr('10.0.0.0/8'),
      cidr('10.0.0.0/8', '10.1.0.0/16'),
      { kind: 'ipBlock', prefix: '10.0.0.0/8', except: [] },
    ];
    const matches = [
      { protocol: null, ports: null },
      { protocol: 'TCP', ports: null },
      { protocol: 'TCP', ports: { first: 80, last: 90 } },
      { protocol: 'TCP', ports: { first: 80, last: 80 } },
      { protocol: 'UDP', ports: { first: 1, last: 1 } },
    ] as const;
    const sorted: CompiledEntry[] = peers.flatMap((peer) =>
      matches.flatMap((match) => (['allow', 'deny'] as const).map((verdict) => ({ peer, ...match, verdict, origins: [] }))),
    );
    expect(sorted.toReversed().sort(compareEntries)).toEqual(sorted);
    expect(sorted.every((a, i) => sorted.every((b, j) => Math.sign(compareEntries(a, b)) === Math.sign(i - j)))).toBe(true);
  });

  it('of rules goes by policy, spec, section, index', () => {
    const sorted = [allowLocalhost, origin('ingress', 0), origin('ingress', 10), origin('ingressDeny', 0), origin('ingress', 0, 1)];
    expect(sorted.toReversed().sort(compareOrigins)).toEqual(sorted);
  });

  it('and rules are written so that a person finds them', () => {
    expect(formatOrigin(origin('egressDeny', 2))).toBe('CiliumNetworkPolicy shop/web, egressDeny[2]');
    expect(formatOrigin(origin('ingress', 0, 3))).toBe('CiliumNetworkPolicy shop/web, specs[3].ingress[0]');
    expect(formatOrigin({ ...origin('ingress', 0), policy: { ...policy, kind: 'CiliumClusterwideNetworkPolicy', namespace: '' } })).toBe(
      'CiliumClusterwideNetworkPolicy web, ingress[0]',
    );
    expect(formatOrigin(allowLocalhost)).toBe('built-in rule allow-localhost');
  });
});
