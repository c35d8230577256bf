import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { allowLocalhost, type CompiledDirection } from './compiled.ts';
import { canonicalJson, digestOf } from './digest.ts';

const policy = { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', uid: 'u"1' } as const;
const direction: CompiledDirection = {
  isolated: true,
  isolatedBy: [policy],
  entries: [
    { peer: { kind: 'any' }, protocol: null, ports: null, verdict: 'allow', origins: [allowLocalhost] },
    { peer: { kind: 'identity', identity: 256 }, protocol: 'TCP', ports: { first: 80, last: 90 }, verdict: 'deny', origins: [] },
    { peer: { kind: 'world', family: 4 }, protocol: 'ICMP', ports: null, verdict: 'allow', origins: [] },
    { peer: { kind: 'world', family: null }, protocol: 'UDP', ports: null, verdict: 'allow', origins: [] },
    { peer: { kind: 'cidr', prefix: '::/0', except: ['fd00::/8'] }, protocol: null, ports: null, verdict: 'allow', origins: [] },
  ],
};
const untouched: CompiledDirection = { isolated: false, isolatedBy: [], entries: [] };

/** The same value with every object's fields in the opposite order. */
function turned<T>(value: T): T {
  if (Array.isArray(value)) return value.map(turned) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, turned(member)]),
  ) as T;
}

describe('canonical JSON', () => {
  it('is JSON of the direction and doesn’t depend on the order of fields', () => {
    expect(JSON.parse(canonicalJson(direction))).toEqual(direction);
    expect(canonicalJson(turned(direction))).toBe(canonicalJson(direction));
    expect(canonicalJson(direction)).toBe(JSON.stringify(direction));
  });

  it('has a digest that tells ingress from egress', () => {
    const expected = createHash('sha256')
      .update(`{"ingress":${JSON.stringify(direction)},"egress":${JSON.stringify(untouched)}}`)
      .digest('hex');
    expect(digestOf(direction, untouched)).toBe(expected.slice(0, 16));
    expect(digestOf(untouched, direction)).not.toBe(digestOf(direction, untouched));
  });
});
