import type { BpfMap } from '@myelin/bpf-native';
import { direction as directions, POLICY_PROBES, POLICY_WAYS, policyEntryCodec, policyKey, policySpace } from '@myelin/datapath-layout';
import type { PolicyImageEntry, PolicyPlace } from './policy-image.ts';
import { indexKey } from './table.ts';

/** A policy's entries as they lie in its buckets of map `policy_entries` (bpf/include/types/policy.h). The same entries make the same bytes, in whatever order they come. */
export interface PolicyBuckets {
  readonly count: number;
  /** Of `struct policy`: which sizes of port blocks occur, by direction and space. */
  readonly sizes: readonly number[];
  readonly bytes: Buffer;
}

const { POLICY_KEY_BLOCK, POLICY_KEY_PROTOCOL, POLICY_KEY_SPACE, POLICY_KEY_DIRECTION, POLICY_EVERY_PORT, POLICY_EVERY_PROTOCOL } =
  policyKey;
const entrySize = policyEntryCodec.size;
const bucketSize = POLICY_WAYS * entrySize;
const multiplier = 0x9e3779b97f4a7c15n;
/** Ways of a bucket that are used on average when a policy is first laid out. */
const load = POLICY_WAYS - 1;

const sizeOf = ({ protocol, portBits }: PolicyImageEntry) => (protocol === null ? POLICY_EVERY_PROTOCOL : POLICY_EVERY_PORT >>> portBits);

function keyOf(entry: PolicyImageEntry): bigint {
  const { direction, space, peer, protocol, port } = entry;
  const block = port * 2 + sizeOf(entry);
  const high = [
    [block, POLICY_KEY_BLOCK],
    [protocol ?? 0, POLICY_KEY_PROTOCOL],
    [space, POLICY_KEY_SPACE],
    [direction, POLICY_KEY_DIRECTION],
  ] as const;
  return high.reduce((key, [value, bit]) => key | (BigInt(value) << BigInt(bit)), BigInt(peer));
}

const sizesIndex = ({ direction, space }: Pick<PolicyImageEntry, 'direction' | 'space'>) =>
  (direction - directions.DIRECTION_INGRESS) * policySpace.POLICY_SPACES + space;

function sizesOf(entries: readonly PolicyImageEntry[]): readonly number[] {
  const sizes = new Array<number>(2 * policySpace.POLICY_SPACES).fill(0);
  for (const entry of entries) sizes[sizesIndex(entry)]! |= sizeOf(entry);
  return sizes;
}

/** Which way (of all, counted through) each key takes in so many buckets; null: one would lie too far from its home. */
function placesIn(count: number, keys: readonly bigint[]): readonly number[] | null {
  const filled = new Uint8Array(count);
  const places: number[] = [];
  for (const key of keys) {
    const home = Number(((BigInt.asUintN(64, key * multiplier) >> 32n) * BigInt(count)) >> 32n);
    let probe = 0;
    while (filled[(home + probe) % count] === POLICY_WAYS) {
      probe++;
      if (probe === Math.min(POLICY_PROBES, count)) return null;
    }
    const bucket = (home + probe) % count;
    places.push(bucket * POLICY_WAYS + filled[bucket]!++);
  }
  return places;
}

/** Lays a policy's entries out, in as few buckets as lets the programs find each in POLICY_PROBES looks. Of entries about the same the last counts. */
export function layOut(entries: readonly PolicyImageEntry[]): PolicyBuckets {
  const byKey = new Map(entries.map((entry) => [keyOf(entry), entry]));
  const keys = [...byKey.keys()].sort((a, b) => (a < b ? -1 : 1));
  let count = Math.ceil(keys.length / load);
  let places = placesIn(count, keys);
  for (; places === null; places = placesIn(count, keys)) count += 1 + (count >> 3);
  const bytes = Buffer.alloc(count * bucketSize);
  keys.forEach((key, index) => {
    const { origin, ruleSet, deny } = byKey.get(key)!;
    policyEntryCodec.write(bytes, { key, origin, ruleSet, deny: deny ? 1 : 0, used: 1 }, places[index]! * entrySize);
  });
  return { count, sizes: sizesOf(entries), bytes };
}

/** The bytes of a policy's buckets, from map `policy_entries`. */
export function readPlace(map: BpfMap, { first, buckets }: PolicyPlace): Buffer {
  return Buffer.concat(Array.from({ length: buckets }, (_, at) => map.lookup(indexKey(first + at))!));
}

/** Reads the entries of a policy's buckets that the programs look for: those of sizes that are said to occur. */
export function readBuckets(bytes: Buffer, sizes: readonly number[]): readonly PolicyImageEntry[] {
  const entries: PolicyImageEntry[] = [];
  for (let at = 0; at < bytes.length; at += entrySize) {
    const { key, origin, ruleSet, deny } = policyEntryCodec.read(bytes, at);
    if (key !== 0n) entries.push({ ...matchOf(key), deny: deny !== 0, origin, ruleSet });
  }
  return entries.filter((entry) => (sizes[sizesIndex(entry)]! & sizeOf(entry)) !== 0);
}

function matchOf(key: bigint): Pick<PolicyImageEntry, 'direction' | 'space' | 'peer' | 'protocol' | 'port' | 'portBits'> {
  const bits = (from: number, to: number) => Number(BigInt.asUintN(to - from, key >> BigInt(from)));
  const block = bits(POLICY_KEY_BLOCK, POLICY_KEY_PROTOCOL);
  const size = block & -block;
  const everyProtocol = size === POLICY_EVERY_PROTOCOL;
  return {
    direction: bits(POLICY_KEY_DIRECTION, 64),
    space: bits(POLICY_KEY_SPACE, POLICY_KEY_DIRECTION),
    peer: bits(0, POLICY_KEY_BLOCK),
    protocol: everyProtocol ? null : bits(POLICY_KEY_PROTOCOL, POLICY_KEY_SPACE),
    port: (block - size) / 2,
    portBits: everyProtocol ? 0 : Math.log2(POLICY_EVERY_PORT / size),
  };
}
