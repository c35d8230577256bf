import { CompiledPolicy as Message } from '@myelin/contracts/policy';
import {
  type CompiledDirection,
  type CompiledEntry,
  type CompiledPeer,
  type CompiledPolicy,
  type PolicyReference,
  protocols,
  type RuleOrigin,
} from '@myelin/policy-model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCompiledPolicy, encodeCompiledPolicy, MalformedPolicy } from './index.ts';

const word = fc.constantFrom('a', 'b', 'web');
const reference: fc.Arbitrary<PolicyReference> = fc.record({
  kind: fc.constantFrom('NetworkPolicy', 'CiliumNetworkPolicy'),
  namespace: word,
  name: word,
  uid: word,
});
const origin: fc.Arbitrary<RuleOrigin> = fc.record({
  policy: reference,
  section: fc.constantFrom('ingress', 'egress', 'ingressDeny', 'egressDeny'),
  specIndex: fc.nat(2),
  ruleIndex: fc.nat(3),
});
const prefix = fc.record({ prefix: fc.constantFrom('10.0.0.0/8', 'fd00::/8'), except: fc.subarray(['10.1.0.0/16', '10.2.0.0/16']) });
const peer: fc.Arbitrary<CompiledPeer> = fc.oneof(
  fc.constant({ kind: 'any' } as const),
  fc.record({ kind: fc.constant('identity' as const), identity: fc.integer({ min: 1, max: 65535 }) }),
  fc.record({ kind: fc.constant('world' as const), family: fc.constantFrom(null, 4 as const, 6 as const) }),
  prefix.map((value) => ({ kind: 'cidr' as const, ...value })),
  prefix.map((value) => ({ kind: 'ipBlock' as const, ...value })),
);
const ports = fc.option(fc.record({ first: fc.integer({ min: 1, max: 9000 }), last: fc.integer({ min: 9000, max: 65535 }) }));
const entry: fc.Arbitrary<CompiledEntry> = fc.record({
  peer,
  protocol: fc.option(fc.constantFrom(...protocols)),
  ports,
  verdict: fc.constantFrom('allow', 'deny'),
  origins: fc.array(origin, { minLength: 1, maxLength: 3 }),
});
const direction: fc.Arbitrary<CompiledDirection> = fc.record({
  isolated: fc.boolean(),
  isolatedBy: fc.array(reference, { maxLength: 3 }),
  entries: fc.array(entry, { maxLength: 5 }),
});
const policy: fc.Arbitrary<CompiledPolicy> = fc.record({
  identity: fc.integer({ min: 256, max: 65535 }),
  ingress: direction,
  egress: direction,
  digest: fc.constant('0123456789abcdef'),
});

describe('a compiled policy on the wire', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(policy, (value) => {
        expect(decodeCompiledPolicy(Message.decode(Message.encode(encodeCompiledPolicy(value)).finish()))).toEqual(value);
      }),
    );
  });

  it('C7: gives the same bytes for the same policy', () => {
    fc.assert(
      fc.property(policy, (value) => {
        const bytes = () => Buffer.from(Message.encode(encodeCompiledPolicy(structuredClone(value))).finish()).toString('hex');
        expect(bytes()).toBe(bytes());
      }),
    );
  });

  it('is refused whole when an index leads nowhere', () => {
    const message = encodeCompiledPolicy({
      identity: 300,
      ingress: { isolated: true, isolatedBy: [{ kind: 'NetworkPolicy', namespace: 'a', name: 'b', uid: 'c' }], entries: [] },
      egress: { isolated: false, isolatedBy: [], entries: [] },
      digest: '',
    });
    expect(() => decodeCompiledPolicy({ ...message, policies: [] })).toThrow(MalformedPolicy);
  });
});
