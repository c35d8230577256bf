import fc from 'fast-check';
import { contains } from '../prefix.ts';
import { prefixes } from './vocabulary.ts';

const lengthOf = (prefix: string) => Number(prefix.split('/')[1]);
const networkOf = (prefix: string) => prefix.split('/')[0]!;

/** A prefix in CIDR notation. */
export const prefix: fc.Arbitrary<string> = fc.constantFrom(...prefixes);

/** A prefix, or the bare address that it begins with. */
export const prefixOrAddress: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: prefix },
  { weight: 1, arbitrary: prefix.map(networkOf) },
);

/** A prefix and up to three longer ones inside of it. */
export const prefixWithExceptions: fc.Arbitrary<{ cidr: string; except?: string[] }> = prefix.chain((cidr) => {
  const inside = prefixes.filter((other) => lengthOf(other) > lengthOf(cidr) && contains(cidr, networkOf(other)));
  const except: fc.Arbitrary<string[]> =
    inside.length === 0 ? fc.constant([]) : fc.uniqueArray(fc.constantFrom(...inside), { maxLength: 3 });
  return fc.record({ cidr: fc.constant(cidr), except }, { requiredKeys: ['cidr'] });
});
