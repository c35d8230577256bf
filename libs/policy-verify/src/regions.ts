import {
  type Address,
  addressOf,
  comparePrefixes,
  contains,
  firstAddress,
  formatPrefix,
  lastAddress,
  type Prefix,
  prefix,
} from '@myelin/address';

/** Addresses that no prefix tells apart: all of `prefix` but those of narrower ones. `at` is one of them. */
export interface Region {
  readonly prefix: Prefix;
  readonly at: Address;
}

const everything = ['0.0.0.0/0', '::/0'].map((text) => prefix(text));

/** The regions that a set of prefixes cuts the addresses of both families into. A prefix that narrower ones cover whole has none. */
export function regionsOf(prefixes: Iterable<Prefix>): readonly Region[] {
  const distinct = new Map([...everything, ...prefixes].map((one) => [formatPrefix(one), one]));
  const sorted = [...distinct.values()].sort(comparePrefixes);
  return sorted.flatMap((one, index) => {
    let { value } = firstAddress(one);
    const { value: last } = lastAddress(one);
    // Those inside come next, in order of their first addresses, each before what it contains: the widest at or before `value` leads on.
    for (let next = index + 1; next < sorted.length && contains(one, sorted[next]!); next++) {
      const inner = sorted[next]!;
      if (firstAddress(inner).value > value) break;
      const end = lastAddress(inner).value;
      if (end >= value) value = end + 1n;
    }
    return value > last ? [] : [{ prefix: one, at: addressOf(value) }];
  });
}
