import { address } from '@myelin/address';
import {
  allowLocalhost,
  type CompiledDirection,
  type CompiledEntry,
  type CompiledPeer,
  type CompiledPolicy,
  type RuleOrigin,
} from '@myelin/policy-model';
import { describe, expect, it } from 'vitest';
import { explain, explainFlow } from './explain.ts';

const web = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: '' } as const;
const rule = (ruleIndex: number, section: RuleOrigin['section'] = 'ingress'): RuleOrigin => ({
  policy: web,
  section,
  specIndex: 0,
  ruleIndex,
});
const tcp = (first: number, last = first) => ({ protocol: 'TCP', ports: { first, last } }) as const;
const entry = (peer: CompiledPeer, rest: Partial<CompiledEntry> = {}): CompiledEntry => ({
  peer,
  protocol: null,
  ports: null,
  verdict: 'allow',
  origins: [rule(0)],
  ...rest,
});
const open: CompiledDirection = { isolated: false, isolatedBy: [], entries: [] };
const isolated = (...entries: CompiledEntry[]): CompiledDirection => ({ isolated: true, isolatedBy: [web], entries });
const policy = (ingress: CompiledDirection, egress = open): CompiledPolicy => ({ identity: 256, ingress, egress, digest: '' });
const api: CompiledPeer = { kind: 'identity', identity: 257 };
const db: CompiledPeer = { kind: 'identity', identity: 258 };
const builtIn = entry({ kind: 'identity', identity: 1 }, { origins: [allowLocalhost] });
const from = (identity: number, port = 80) =>
  ({ direction: 'ingress', peer: { identity, address: address('10.244.0.7') }, protocol: 'TCP', port }) as const;
const names = (identity: number) => (identity === 257 ? 'shop/api' : null);
const lines = (ingress: CompiledDirection, flow = from(257)) => explain(policy(ingress), flow, names).text;

describe('an explanation', () => {
  it('names the rules or policies that decided', () => {
    expect(lines(open)).toEqual(['allowed at ingress: no policy isolates it']);
    expect(lines(isolated(entry(api), entry(api, { ...tcp(80), origins: [rule(1)] })))).toEqual([
      'allowed at ingress by NetworkPolicy shop/web, ingress[0] and NetworkPolicy shop/web, ingress[1]',
    ]);
    expect(lines(isolated(entry(api), entry(api, { verdict: 'deny', origins: [rule(0, 'ingressDeny')] })))).toEqual([
      'denied at ingress by NetworkPolicy shop/web, ingressDeny[0]',
    ]);
    expect(lines(isolated())).toEqual(['denied at ingress: NetworkPolicy shop/web isolates it, and no rule allows this']);
    expect(lines(isolated(builtIn), from(1))).toEqual(['allowed at ingress by built-in rule allow-localhost']);
    expect(lines(open, from(0))).toEqual(['dropped at ingress: the other address is one of the cluster that nobody has']);
  });

  it.each([
    [
      'another port: TCP port 443, identity 257 (shop/api)',
      [entry(db, tcp(80)), entry(api, { protocol: 'UDP' }), entry(api, tcp(8080)), entry(api, tcp(443))],
    ],
    ['another protocol: every port of UDP, identity 257 (shop/api)', [entry(db, tcp(80)), entry(api, { protocol: 'UDP' })]],
    ['another peer: TCP ports 80–90, identity 258', [entry(db, tcp(443)), entry(db, tcp(80, 90))]],
    [
      'another peer and port: TCP port 443, addresses in 10.0.0.0/8 except 10.244.0.0/16',
      [entry({ kind: 'ipBlock', prefix: '10.0.0.0/8', except: ['10.244.0.0/16'] }, tcp(443))],
    ],
    ['another peer: every protocol, the IPv4 world', [entry({ kind: 'world', family: 4 })]],
  ] as [string, CompiledEntry[]][])('tells the rule that would nearly have allowed: %s', (text, entries) => {
    expect(lines(isolated(builtIn, ...entries))[1]).toBe(`nearest: NetworkPolicy shop/web, ingress[0] would allow ${text}`);
  });

  it('knows no nearest rule where only the built-in one allows, nor for a deny rule', () => {
    expect(explain(policy(isolated(builtIn)), from(257)).nearest).toBeNull();
    expect(explain(policy(isolated(entry(db), entry(api, { verdict: 'deny' }))), from(257)).nearest).toBeNull();
  });
});

describe('the explanation of a flow', () => {
  const flow = {
    source: { identity: 257, address: address('10.244.0.7') },
    destination: { identity: 9, address: address('198.51.100.10') },
    protocol: 'TCP',
    port: 443,
  } as const;

  it('tells the ends, the verdict and what each end said', () => {
    const egress = isolated(entry({ kind: 'cidr', prefix: '203.0.113.0/24', except: [] }, { origins: [rule(0, 'egress')] }));
    const policyOf = (identity: number) => (identity === 257 ? policy(open, egress) : null);
    expect(explainFlow(policyOf, flow, names).text).toEqual([
      'identity 257 (shop/api) at 10.244.0.7 → the world at 198.51.100.10, TCP port 443: denied',
      '  denied at egress: NetworkPolicy shop/web isolates it, and no rule allows this',
      '  nearest: NetworkPolicy shop/web, egress[0] would allow another peer: every protocol, addresses outside the cluster in 203.0.113.0/24',
    ]);
  });

  it('has both ends when both were asked', () => {
    const both = explainFlow(() => policy(open), {
      ...flow,
      destination: { identity: 258, address: address('10.244.0.8') },
      protocol: 'ICMP',
      port: 0,
    });
    expect(both.ends.map(({ direction }) => direction)).toEqual(['egress', 'ingress']);
    expect(both.text[0]).toBe('identity 257 at 10.244.0.7 → identity 258 at 10.244.0.8, ICMP: allowed');
  });
});
