import { address, formatAddress, prefix } from '@myelin/address';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressPool } from './address-pool.ts';

type Act =
  | { kind: 'allocate'; owner: string }
  | { kind: 'release'; at: number }
  | { kind: 'take'; offset: number; owner: string }
  | { kind: 'restart' };
const owner = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant('allocate' as const), owner }),
  fc.record({ kind: fc.constant('release' as const), at: fc.nat(20) }),
  fc.record({ kind: fc.constant('take' as const), offset: fc.nat(16), owner }),
  fc.record({ kind: fc.constant('restart' as const) }),
);

describe('AddressPool', () => {
  it('never has two owners of one address, never gives what is kept unused, and is full only when nothing is free', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const blocks = [prefix('10.1.0.0/28')];
        let pool = new AddressPool(blocks);
        /** The model: address text -> owner, and texts in the order of their return. */
        const owners = new Map<string, string>();
        const freed: string[] = [];
        for (const step of acts) {
          if (step.kind === 'restart') {
            pool = AddressPool.restore(
              blocks,
              pool.memory(),
              [...owners].map(([text, holder]) => [holder, [address(text)]]),
            );
          } else if (step.kind === 'release') {
            const held = [...owners][step.at];
            if (held === undefined) continue;
            pool.release(address(held[0]), held[1]);
            owners.delete(held[0]);
            freed.push(held[0]);
          } else {
            const asked = step.kind === 'take' ? `10.1.0.${step.offset}` : null;
            const answer = asked === null ? pool.allocate(step.owner) : pool.take([address(asked)], step.owner);
            if (answer.kind === 'full') expect(owners.size).toBe(14);
            if (answer.kind !== 'given') continue;
            const text = formatAddress(answer.addresses[0]!);
            expect(['10.1.0.0', '10.1.0.15']).not.toContain(text);
            if (asked === null) {
              expect(owners.has(text)).toBe(false);
              // Of what came back, only the one that has been free longest is given.
              if (freed.includes(text)) expect(text).toBe(freed[0]);
            }
            owners.set(text, step.owner);
            if (freed.includes(text)) freed.splice(freed.indexOf(text), 1);
          }
        }
      }),
      { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 20_000 : 500 },
    );
  });
});
