import { hash } from 'node:crypto';
import type { CompiledDirection, CompiledEntry, CompiledPeer, PolicyReference, RuleOrigin } from './compiled.ts';

/*
 * Digest of a compiled policy (design C7), in two steps, so that one entry more costs one hash and not the whole list again. Every pair of an entry's match and one of its origins is hashed by itself, and
 * the hashes are added up: the sum depends on what the pairs are, not on their order or on how the list came to be, and lists of different rules are added by adding their sums. What is hashed is
 * canonical JSON written by hand, field by field in one order, so that it doesn't depend on how an object came to be (built here, decoded from a message, read from a file).
 */

/** Sum of hashes: eight 32-bit words, each added modulo 2³². */
export type EntrySum = Uint32Array;

const words = 8;
const text = JSON.stringify as (value: string | number | boolean | null) => string;

const policyTexts = new WeakMap<PolicyReference, string>();
const originTexts = new WeakMap<RuleOrigin, string>();

function remembered<T extends object>(cache: WeakMap<T, string>, key: T, write: (key: T) => string): string {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const written = write(key);
  cache.set(key, written);
  return written;
}

const writePolicy = ({ kind, namespace, name, uid }: PolicyReference) =>
  `{"kind":${text(kind)},"namespace":${text(namespace)},"name":${text(name)},"uid":${text(uid)}}`;

const policyText = (policy: PolicyReference) => remembered(policyTexts, policy, writePolicy);

const writeOrigin = ({ policy, section, specIndex, ruleIndex }: RuleOrigin) =>
  `{"policy":${policyText(policy)},"section":"${section}","specIndex":${specIndex},"ruleIndex":${ruleIndex}}`;

const originText = (origin: RuleOrigin) => remembered(originTexts, origin, writeOrigin);

function peerText(peer: CompiledPeer): string {
  switch (peer.kind) {
    case 'any':
      return '{"kind":"any"}';
    case 'identity':
      return `{"kind":"identity","identity":${peer.identity}}`;
    case 'world':
      return `{"kind":"world","family":${peer.family}}`;
    case 'cidr':
    case 'ipBlock':
      return `{"kind":"${peer.kind}","prefix":${text(peer.prefix)},"except":[${peer.except.map(text).join(',')}]}`;
  }
}

function matchText({ peer, protocol, ports, verdict }: CompiledEntry): string {
  const portText = ports === null ? 'null' : `{"first":${ports.first},"last":${ports.last}}`;
  return `"peer":${peerText(peer)},"protocol":${text(protocol)},"ports":${portText},"verdict":"${verdict}"`;
}

/** Canonical JSON of an entry with each of its origins; with `null` where it has none. */
export function pairTexts(entry: CompiledEntry): readonly string[] {
  const match = matchText(entry);
  const origins = entry.origins.length === 0 ? ['null'] : entry.origins.map(originText);
  return origins.map((origin) => `{${match},"origin":${origin}}`);
}

/** Sum of nothing. */
export const emptySum = (): EntrySum => new Uint32Array(words);

/** Adds the hashes of entries to a sum in place; with `times` -1, takes them away. An entry's origins may come in several parts: `[a, b]` counts as `[a]` and `[b]`. */
export function addEntries(sum: EntrySum, entries: Iterable<CompiledEntry>, times: 1 | -1 = 1): void {
  for (const entry of entries) {
    for (const pair of pairTexts(entry)) {
      const digest = hash('sha256', pair, 'buffer');
      for (let word = 0; word < words; word++) sum[word]! += times * digest.readUInt32LE(4 * word);
    }
  }
}

/** Sum of entries that two lists have; they share no pair of match and origin. */
export function addSums(a: EntrySum, b: EntrySum): EntrySum {
  return a.map((word, index) => word + b[index]!);
}

/** Sum of a list of entries. */
export function sumOf(entries: Iterable<CompiledEntry>): EntrySum {
  const sum = emptySum();
  addEntries(sum, entries);
  return sum;
}

const directionText = ({ isolated, isolatedBy }: CompiledDirection, sum: EntrySum) =>
  `{"isolated":${isolated},"isolatedBy":[${isolatedBy.map(policyText).join(',')}],"entries":[${sum.join(',')}]}`;

/** Digest of a compiled policy, 16 hex digits: the first 8 bytes of SHA-256 over canonical JSON of both directions, their entries as sums. `sums`: where they are known. */
export function digestOf(
  ingress: CompiledDirection,
  egress: CompiledDirection,
  sums: { readonly ingress: EntrySum; readonly egress: EntrySum } = { ingress: sumOf(ingress.entries), egress: sumOf(egress.entries) },
): string {
  return hash('sha256', `{"ingress":${directionText(ingress, sums.ingress)},"egress":${directionText(egress, sums.egress)}}`, 'hex').slice(
    0,
    16,
  );
}
