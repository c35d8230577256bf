import { type CompiledPolicy, digestOf, type Policy } from '@myelin/policy-model';
import { identityNumbers, podLabels, policy, world } from '@myelin/policy-model/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicies } from './compile.ts';
import { type CompilerEvent, PolicyCompiler } from './compiler.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 5000 : 60;

const identity = fc.constantFrom(...identityNumbers);
const event: fc.Arbitrary<CompilerEvent> = fc.oneof(
  fc.record({ kind: fc.constant('identity-put' as const), identity, labels: podLabels }),
  fc.record({ kind: fc.constant('identity-delete' as const), identity }),
  fc.record({ kind: fc.constant('policy-put' as const), policy }),
  policy.map(({ reference }) => ({ kind: 'policy-delete' as const, reference })),
);

describe('the compiler', () => {
  it('depends on its input alone: after any walk it answers as one built from nothing, and names all whose policy has changed', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: 'max' }), (events) => {
        const compiler = new PolicyCompiler();
        const identities = new Map<number, readonly string[]>();
        const policies = new Map<string, Policy>();
        let before = new Map<number, CompiledPolicy>();
        for (const one of events) {
          const changed = compiler.apply(one);
          if (one.kind === 'identity-put') identities.set(one.identity, one.labels);
          else if (one.kind === 'identity-delete') identities.delete(one.identity);
          else if (one.kind === 'policy-put') policies.set(one.policy.reference.uid, one.policy);
          else policies.delete(`${one.reference.namespace}-${one.reference.name}`);
          const fresh = compilePolicies(new Map([...identities].reverse()), [...policies.values()].reverse());
          expect(compiler.identities().map((number) => compiler.compiled(number))).toEqual(fresh);
          // Added up along the walk, and over the whole: the same digest.
          for (const { ingress, egress, digest } of fresh) expect(digest).toBe(digestOf(ingress, egress));
          const now = new Map(fresh.map((compiled) => [compiled.identity, compiled]));
          for (const number of new Set([...before.keys(), ...now.keys()])) {
            if (before.get(number)?.digest !== now.get(number)?.digest) expect(changed).toContain(number);
          }
          before = now;
        }
      }),
      { numRuns },
    );
  });

  it('gives the same bytes for the same input in any order', () => {
    const shuffled = world.chain(({ identities, policies }) =>
      fc.record({
        identities: fc.constant(identities),
        policies: fc.constant(policies),
        otherIdentities: fc.shuffledSubarray([...identities], { minLength: identities.size }),
        otherPolicies: fc.shuffledSubarray([...policies], { minLength: policies.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ identities, policies, otherIdentities, otherPolicies }) => {
        const compiled = compilePolicies(new Map(otherIdentities), otherPolicies);
        expect(JSON.stringify(compiled)).toBe(JSON.stringify(compilePolicies(identities, policies)));
      }),
      { numRuns },
    );
  });

  it('has equal digests for equal policies, and for no others', () => {
    fc.assert(
      fc.property(fc.array(world, { minLength: 2, maxLength: 4 }), (worlds) => {
        const compiled = worlds.flatMap(({ identities, policies }) => compilePolicies(identities, policies));
        const digests = new Map<string, string>();
        for (const { digest, ingress, egress } of compiled) {
          const bytes = JSON.stringify({ ingress, egress });
          expect(digests.get(digest) ?? bytes).toBe(bytes);
          digests.set(digest, bytes);
        }
        expect(digests.size).toBe(new Set(digests.values()).size);
      }),
      { numRuns },
    );
  });
});
