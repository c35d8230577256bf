import { formatPrefix, type Prefix, prefix } from '@myelin/address';
import { reservedName } from '@myelin/labels';
import { isOutside, matchesPeer } from '@myelin/policy-evaluate';
import type { LocalDirection, LocalEntry, LocalPolicy, PrefixRow } from '@myelin/policy-localize';
import type { CompiledDirection, CompiledEntry, CompiledPolicy, Direction } from '@myelin/policy-model';
import type { Deviation } from './deviation.ts';
import { regionsOf } from './regions.ts';
import { longestMatch } from './rows.ts';
import {
  expectedSaying,
  foundSaying,
  isolationText,
  type OriginOf,
  type Saying,
  type Stretch,
  stretchesOf,
  stretchText,
} from './saying.ts';

/** One subject's policy as it was read from a node's kernel, and what its numbers mean there. */
export interface KernelSubject {
  readonly policy: LocalPolicy;
  readonly originOf: OriginOf;
}

/** Directions of a policy, in the order in which deviations are told. */
const directions: readonly Direction[] = ['ingress', 'egress'];

/**
 * What the kernel decides otherwise than the compiled policy says, over all peers, protocols and ports; empty: nothing. `rows` is the kernel's whole prefix table.
 * Both sides are asked once for each set of packets that neither tells apart, so that equal answers are equal for all packets.
 */
export function verifySubject(
  compiled: CompiledPolicy,
  { policy, originOf }: KernelSubject,
  rows: readonly PrefixRow[],
): readonly Deviation[] {
  const head: Deviation[] =
    compiled.digest === policy.digest ? [] : [{ direction: null, about: 'digest', expected: compiled.digest, found: policy.digest }];
  return [
    ...head,
    ...directions.flatMap((direction) =>
      verifyDirection(compiled[direction], policy[direction], originOf, rows).map((deviation) => ({ direction, ...deviation })),
    ),
  ];
}

type Difference = Omit<Deviation, 'direction'>;

function verifyDirection(
  compiled: CompiledDirection,
  local: LocalDirection,
  originOf: OriginOf,
  rows: readonly PrefixRow[],
): readonly Difference[] {
  const found = byKey(local);
  const compare = (about: string, expected: readonly CompiledEntry[], key: string) =>
    differences(about, expected, found.get(key) ?? [], originOf);
  const ofKind = (kind: CompiledEntry['peer']['kind']) => compiled.entries.filter(({ peer }) => peer.kind === kind);
  const ofIdentity = Map.groupBy(compiled.entries, ({ peer }) => (peer.kind === 'identity' ? peer.identity : null));
  return [
    ...isolation(compiled, local, originOf),
    ...compare('anyone', ofKind('any'), 'any'),
    ...identitiesOf(compiled, local).flatMap((identity) =>
      compare(reservedName(identity) ?? `identity ${identity}`, ofIdentity.get(identity) ?? [], `identity ${identity}`),
    ),
    ...verifyRegions(compiled, rows, compare),
  ];
}

/** The peers that are known by address alone: outside the cluster by their node-local identity, `ipBlock` everywhere by class. */
function verifyRegions(
  compiled: CompiledDirection,
  rows: readonly PrefixRow[],
  compare: (about: string, expected: readonly CompiledEntry[], key: string) => readonly Difference[],
): readonly Difference[] {
  const outside = compiled.entries.filter(({ peer }) => peer.kind === 'world' || peer.kind === 'cidr');
  const anywhere = compiled.entries.filter(({ peer }) => peer.kind === 'ipBlock');
  const rowOf = longestMatch(rows);
  return regionsOf([...rows.map((row) => row.prefix), ...namedPrefixes(compiled)]).flatMap((region) => {
    const row = rowOf(region);
    const where = formatPrefix(region.prefix);
    const identity = row?.identity ?? 0;
    const matching = (entries: readonly CompiledEntry[]) =>
      entries.filter(({ peer }) => matchesPeer(peer, { identity, address: region.at }));
    return [
      // Identity 0: addresses of the cluster that nobody has; they drop before any policy is asked (design D4). Others are `verifyWorld`'s to tell.
      ...(identity === 0 ? [] : compare(`addresses outside the cluster in ${where}`, matching(outside), `identity ${identity}`)),
      ...compare(`addresses in ${where}`, matching(anywhere), `class ${row?.peerClass ?? 0}`),
    ];
  });
}

function isolation(compiled: CompiledDirection, local: LocalDirection, originOf: OriginOf): readonly Difference[] {
  const origin = originOf(local.defaultOrigin);
  const expected = isolationText(compiled.isolated, compiled.isolatedBy);
  const found = isolationText(local.isolated, origin?.kind === 'default-deny' ? origin.policies : []);
  return expected === found ? [] : [{ about: 'isolation', expected, found }];
}

/** A direction's entries by the key that the kernel asks for. */
function byKey({ entries }: LocalDirection): ReadonlyMap<string, readonly LocalEntry[]> {
  return Map.groupBy(entries, ({ peer }) =>
    peer.space === 'any' ? 'any' : peer.space === 'identity' ? `identity ${peer.identity}` : `class ${peer.number}`,
  );
}

/** Identities of the cluster that either side names, in order. Those of addresses outside are asked for by region. */
function identitiesOf(compiled: CompiledDirection, local: LocalDirection): readonly number[] {
  const expected = compiled.entries.flatMap(({ peer }) => (peer.kind === 'identity' ? [peer.identity] : []));
  const found = local.entries.flatMap(({ peer }) => (peer.space === 'identity' ? [peer.identity] : []));
  return [...new Set([...expected, ...found])].filter((identity) => !isOutside(identity)).sort((a, b) => a - b);
}

function namedPrefixes({ entries }: CompiledDirection): readonly Prefix[] {
  const texts = entries.flatMap(({ peer }) => (peer.kind === 'cidr' || peer.kind === 'ipBlock' ? [peer.prefix, ...peer.except] : []));
  return [...new Set(texts)].map((text) => prefix(text));
}

function differences(
  about: string,
  expected: readonly CompiledEntry[],
  found: readonly LocalEntry[],
  originOf: OriginOf,
): readonly Difference[] {
  let before: readonly [number | null, Saying, Saying] | null = null;
  return stretchesOf(expected, found).flatMap((stretch: Stretch) => {
    const wanted = expectedSaying(expected, stretch);
    const held = foundSaying(found, stretch, originOf);
    // Neighbouring stretches that deviate in the same way are one deviation.
    const isNews = before === null || before[0] !== stretch.protocol || before[1] !== wanted || before[2] !== held;
    before = [stretch.protocol, wanted, held];
    return wanted === held || !isNews ? [] : [{ about: `${about}, ${stretchText(stretch)}`, expected: wanted, found: held }];
  });
}
