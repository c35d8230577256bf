import { POLICY_PROBES, POLICY_WAYS, policyBucketCodec, policySpace } from '@myelin/datapath-layout';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { layOut, readBuckets } from './policy-buckets.ts';
import type { PolicyImageEntry } from './policy-image.ts';

const match = fc.oneof(
  fc.constant({ protocol: null, port: 0, portBits: 0 }),
  fc
    .record({
      protocol: fc.integer({ min: 0, max: 255 }),
      port: fc.integer({ min: 0, max: 65535 }),
      portBits: fc.integer({ min: 0, max: 16 }),
    })
    .map(({ protocol, port, portBits }) => ({
      protocol,
      port: portBits === 0 ? 0 : port & (0xffff << (16 - portBits)) & 0xffff,
      portBits,
    })),
);
const entries = fc.array(
  fc
    .tuple(
      match,
      fc.record({
        direction: fc.integer({ min: 1, max: 2 }),
        space: fc.constantFrom(policySpace.SPACE_ANY, policySpace.SPACE_IDENTITY, policySpace.SPACE_CLASS),
        peer: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
        deny: fc.boolean(),
        origin: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        ruleSet: fc.integer({ min: 0, max: 65535 }),
      }),
    )
    .map(([of, rest]): PolicyImageEntry => ({ ...of, ...rest })),
  { maxLength: 200 },
);

const about = ({ direction, space, peer, protocol, port, portBits }: PolicyImageEntry) =>
  JSON.stringify([direction, space, peer, protocol, port, portBits]);
const text = (of: readonly PolicyImageEntry[]) =>
  of.map((entry) => [about(entry), entry.deny, entry.origin, entry.ruleSet].join(' ')).sort();

it('lays entries out so that all of them are read back, the last of those about the same', () => {
  fc.assert(
    fc.property(entries, (of) => {
      const expected = new Map(of.map((entry) => [about(entry), entry]));
      const { bytes, count, sizes } = layOut(of);
      expect(bytes.length).toBe(count * policyBucketCodec.size);
      expect(text(readBuckets(bytes, sizes))).toEqual(text([...expected.values()]));
    }),
  );
});

it('makes the same bytes of the same entries in another order', () => {
  fc.assert(
    fc.property(entries, (of) => {
      const unique = [...new Map(of.map((entry) => [about(entry), entry])).values()];
      expect(layOut(unique.toReversed()).bytes.equals(layOut(unique).bytes)).toBe(true);
    }),
  );
});

it('leaves every entry within the programs’ reach, however large the policy', () => {
  const large = Array.from({ length: 20_000 }, (_, index): PolicyImageEntry => {
    return {
      direction: 1,
      space: policySpace.SPACE_IDENTITY,
      peer: 256 + (index >> 4),
      protocol: 6,
      port: index & 15,
      portBits: 16,
      deny: false,
      origin: 1,
      ruleSet: 0,
    };
  });
  const { bytes, count } = layOut(large);
  expect(count).toBeLessThan(large.length / (POLICY_WAYS / 2));
  let found = 0;
  for (let bucket = 0; bucket < count; bucket++) {
    const { ways } = policyBucketCodec.read(bytes, bucket * policyBucketCodec.size);
    ways.forEach(({ key }, way) => {
      if (key === 0n) return;
      found++;
      const home = Number(((BigInt.asUintN(64, key * 0x9e3779b97f4a7c15n) >> 32n) * BigInt(count)) >> 32n);
      const probes = (bucket - home + count) % count;
      expect(probes).toBeLessThan(POLICY_PROBES);
      if (way > 0) expect(ways[way - 1]!.key).not.toBe(0n);
      for (let probe = 0; probe < probes; probe++)
        expect(policyBucketCodec.read(bytes, ((home + probe) % count) * policyBucketCodec.size).ways.at(-1)!.key).not.toBe(0n);
    });
  }
  expect(found).toBe(large.length);
});
