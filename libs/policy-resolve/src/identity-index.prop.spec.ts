import { parseLabel } from '@myelin/labels';
import type { LabelRequirement } from '@myelin/policy-model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdentityIndex, type Selection } from './identity-index.ts';
import { selects } from './match.ts';

const key = fc.constantFrom('app', 'tier', 'io.kubernetes.pod.namespace');
const value = fc.constantFrom('', 'a', 'b', 'c');
const labels = fc
  .uniqueArray(fc.tuple(fc.constantFrom('k8s', 'container'), key, value), { maxLength: 4, selector: ([source, name]) => source + name })
  .map((parts) => parts.map(([source, name, text]) => (text === '' ? `${source}:${name}` : `${source}:${name}=${text}`)));
const requirement: fc.Arbitrary<LabelRequirement> = fc
  .record({
    source: fc.constantFrom('k8s', 'any', 'container'),
    key,
    operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
    values: fc.uniqueArray(value, { minLength: 1, maxLength: 2 }),
  })
  .map(({ operator, values, ...rest }) => ({ ...rest, operator, values: operator === 'In' || operator === 'NotIn' ? values : [] }));
const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), identity: fc.integer({ min: 256, max: 262 }), labels }),
  fc.record({ do: fc.constant('delete' as const), identity: fc.integer({ min: 256, max: 262 }) }),
  fc.record({ do: fc.constant('select' as const), selector: fc.array(requirement, { maxLength: 3 }) }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat(5) }),
);

describe('the identity index', () => {
  it('holds after any walk what selectors say of the identities that are there', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const index = new IdentityIndex();
        const there = new Map<number, readonly string[]>();
        const held: Selection[] = [];
        for (const one of steps) {
          if (one.do === 'select') held.push(index.select(one.selector));
          else if (one.do === 'release') for (const selection of held.splice(one.which, 1)) index.release(selection);
          else if (one.do === 'put') {
            there.set(one.identity, one.labels);
            index.put(one.identity, one.labels);
          } else {
            there.delete(one.identity);
            index.delete(one.identity);
          }
        }
        for (const { selector, members } of held) {
          const expected = [...there].filter(([, texts]) =>
            selects(
              selector,
              texts.map((text) => parseLabel(text)!),
            ),
          );
          expect([...members].filter((identity) => identity > 255).sort()).toEqual(expected.map(([identity]) => identity).sort());
        }
        for (const identity of there.keys()) {
          expect(index.selectionsOf(identity)).toEqual(new Set(held.filter(({ members }) => members.has(identity))));
        }
      }),
      { numRuns: process.env.MYELIN_NIGHTLY ? 10_000 : 500 },
    );
  });
});
