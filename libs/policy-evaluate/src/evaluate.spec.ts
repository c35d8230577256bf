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
import { evaluate, type SubjectFlow } from './decide.ts';
import { evaluateFlow } from './flow.ts';
import { isOutside, matchesPeer } from './match.ts';

const web = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: '' } as const;
const rule = (ruleIndex: number): RuleOrigin => ({ policy: web, section: 'ingress', specIndex: 0, ruleIndex });
const entry = (peer: CompiledPeer, rest: Partial<CompiledEntry> = {}): CompiledEntry => ({
  peer,
  protocol: null,
  ports: null,
  verdict: 'allow',
  origins: [rule(0)],
  ...rest,
});
const untouched: CompiledDirection = { isolated: false, isolatedBy: [], entries: [] };
const isolated = (...entries: CompiledEntry[]): CompiledDirection => ({ isolated: true, isolatedBy: [web], entries });
const policyWith = (ingress: CompiledDirection, egress = untouched, identity = 256): CompiledPolicy => ({
  identity,
  ingress,
  egress,
  digest: '',
});
const flow = (rest: Partial<SubjectFlow> = {}): SubjectFlow => ({
  direction: 'ingress',
  peer: { identity: 257, address: address('10.244.0.7') },
  protocol: 'TCP',
  port: 80,
  ...rest,
});
const pod: CompiledPeer = { kind: 'identity', identity: 257 };

describe('a peer', () => {
  const pods = { identity: 300, address: address('10.244.1.7') };
  const outside4 = { identity: 9, address: address('198.51.100.10') };
  const outside6 = { identity: (1 << 24) + 3, address: address('2001:db8::10') };
  const host = { identity: 1, address: address('10.0.0.1') };
  it.each([
    [{ kind: 'any' }, [true, true, true, true]],
    [{ kind: 'identity', identity: 300 }, [true, false, false, false]],
    [{ kind: 'world', family: null }, [false, true, true, false]],
    [{ kind: 'world', family: 6 }, [false, false, true, false]],
    [{ kind: 'cidr', prefix: '0.0.0.0/0', except: [] }, [false, true, false, false]],
    [{ kind: 'cidr', prefix: '0.0.0.0/0', except: ['198.51.100.0/24'] }, [false, false, false, false]],
    [{ kind: 'ipBlock', prefix: '0.0.0.0/0', except: [] }, [true, true, false, true]],
    [{ kind: 'ipBlock', prefix: '10.0.0.0/8', except: ['10.244.0.0/16'] }, [false, false, false, true]],
    [{ kind: 'ipBlock', prefix: '2001:db8::/32', except: [] }, [false, false, true, false]],
  ] as [CompiledPeer, boolean[]][])('%j is a pod, the world by IPv4, by IPv6, a host: %j', (peer, expected) => {
    expect([pods, outside4, outside6, host].map((end) => matchesPeer(peer, end))).toEqual(expected);
  });

  it('is outside the cluster by its identity', () => {
    expect([1, 2, 6, 9, 10, 256, 1 << 24].map(isOutside)).toEqual([false, true, false, true, true, false, true]);
  });
});

describe('the decision of one end', () => {
  it('is its deny rules’ when any matches, all of them named', () => {
    const policy = policyWith(
      isolated(
        entry(pod),
        entry(pod, { verdict: 'deny', origins: [rule(2)] }),
        entry({ kind: 'any' }, { verdict: 'deny', origins: [rule(1), rule(2)] }),
      ),
    );
    expect(evaluate(policy, flow())).toEqual({ verdict: 'deny', reason: 'deny-rule', origins: [rule(1), rule(2)], isolatedBy: [] });
  });

  it('is its allow rules’ else, all of them named', () => {
    const ports = { first: 80, last: 90 };
    const policy = policyWith(
      isolated(entry(pod, { protocol: 'TCP', ports, origins: [rule(3)] }), entry({ kind: 'any' }, { protocol: 'TCP' })),
    );
    expect(evaluate(policy, flow()).origins).toEqual([rule(0), rule(3)]);
    expect(evaluate(policy, flow({ port: 90 })).origins).toEqual([rule(0), rule(3)]);
    expect(evaluate(policy, flow({ port: 91 })).origins).toEqual([rule(0)]);
    expect(evaluate(policy, flow({ protocol: 'UDP' }))).toEqual({
      verdict: 'deny',
      reason: 'default-deny',
      origins: [],
      isolatedBy: [web],
    });
  });

  it('is allowance where nothing isolates, and denial where a rule denies all the same', () => {
    const policy = policyWith({ ...untouched, entries: [entry(pod, { verdict: 'deny', protocol: 'UDP' })] });
    expect(evaluate(policy, flow())).toMatchObject({ verdict: 'allow', reason: 'not-isolated', origins: [] });
    expect(evaluate(policy, flow({ protocol: 'UDP' }))).toMatchObject({ verdict: 'deny', reason: 'deny-rule' });
  });

  it('covers ICMP by entries of every protocol only', () => {
    const policy = policyWith(isolated(entry(pod, { protocol: 'TCP' })), isolated(entry(pod)));
    expect(evaluate(policy, flow({ protocol: 'ICMP', port: 0 })).verdict).toBe('deny');
    expect(evaluate(policy, flow({ protocol: 'ICMP', port: 0, direction: 'egress' })).verdict).toBe('allow');
  });

  it('is denial for an unknown peer, isolated or not', () => {
    const peer = { identity: 0, address: address('10.244.0.9') };
    expect(evaluate(policyWith(untouched), flow({ peer }))).toMatchObject({ verdict: 'deny', reason: 'unknown-peer' });
    expect(evaluate(policyWith(isolated(entry({ kind: 'any' }))), flow({ peer }))).toMatchObject({
      verdict: 'deny',
      reason: 'unknown-peer',
    });
  });

  it('admits the own node by the built-in rule, unless a rule denies the host', () => {
    const host: CompiledPeer = { kind: 'identity', identity: 1 };
    const builtIn = entry(host, { origins: [allowLocalhost] });
    const peer = { identity: 1, address: address('10.0.0.1') };
    expect(evaluate(policyWith(isolated(builtIn)), flow({ peer }))).toMatchObject({ verdict: 'allow', origins: [allowLocalhost] });
    expect(evaluate(policyWith(isolated(builtIn, entry(host, { verdict: 'deny' }))), flow({ peer })).verdict).toBe('deny');
  });
});

describe('the decision of both ends', () => {
  const source = { identity: 256, address: address('10.244.0.6') };
  const destination = { identity: 257, address: address('10.244.0.7') };
  const closed = isolated();
  const decide = (sourcePolicy: CompiledPolicy | null, destinationPolicy: CompiledPolicy | null) =>
    evaluateFlow((identity) => (identity === 256 ? sourcePolicy : destinationPolicy), { source, destination, protocol: 'TCP', port: 80 });

  it('wants egress and ingress to permit', () => {
    const open = policyWith(untouched);
    expect(decide(open, open)).toMatchObject({ verdict: 'allow', egress: { verdict: 'allow' }, ingress: { verdict: 'allow' } });
    expect(decide(open, policyWith(closed))).toMatchObject({ verdict: 'deny', egress: { verdict: 'allow' }, ingress: { verdict: 'deny' } });
    expect(decide(policyWith(closed), open).verdict).toBe('allow');
  });

  it('doesn’t ask the destination when the source denies, nor an end without policy', () => {
    expect(decide(policyWith(untouched, closed), policyWith(closed))).toMatchObject({
      verdict: 'deny',
      egress: { reason: 'default-deny' },
      ingress: null,
    });
    expect(decide(null, policyWith(closed))).toMatchObject({ verdict: 'deny', egress: null });
    expect(decide(null, null)).toEqual({ verdict: 'allow', egress: null, ingress: null });
  });
});
