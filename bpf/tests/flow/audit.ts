import { type FlowShares, flowClass, flowFlags } from '@myelin/datapath-layout';
import { type DumpedBucket, type DumpedEntry, type Family, keySizes } from './bucket-dump.ts';

/** The seeds that bpf/include/flow/config.h has unless the loader says otherwise. */
const seeds = [
  0x9e3779b97f4a7c15n,
  0xbf58476d1ce4e5b9n,
  0x94d049bb133111ebn,
  0xd6e8feb86659fd93n,
  0xa0761d6478bd642fn,
  0xe7037ed1a0b428dbn,
] as const;

/** Where a key may lie, worked out once more from bpf/include/flow/README.md. */
export function placesOf(key: Buffer, mask: number): { home: number; second: number; way: number; tag: number } {
  const hash = hashOf(key);
  const home = Number(hash & BigInt(mask));
  return {
    home,
    second: Number((hash ^ ((hash >> 24n) | 1n)) & BigInt(mask)),
    way: Number((hash >> 48n) & 7n),
    tag: Number(hash >> 57n) | 0x80,
  };
}

function hashOf(key: Buffer): bigint {
  let sum = 0n;
  for (let word = 0; word < key.length / 8; word++) {
    const scrambled = BigInt.asUintN(64, (key.readBigUInt64LE(word * 8) ^ seeds[word]!) * (seeds[word + 1]! | 1n));
    sum += scrambled ^ (scrambled >> 32n);
  }
  const mixed = BigInt.asUintN(64, sum * (seeds[0] | 1n));
  return mixed ^ (mixed >> 32n);
}

/**
 * What is wrong with a table at rest, one line each: entries where they can't be found, tags that lie, keys that are there twice, guests miscounted,
 * shares miscounted, entries left half written.
 */
export function faultsAtRest(buckets: readonly DumpedBucket[], shares: FlowShares, family: Family): string[] {
  const mask = buckets.length - 1;
  const guests = new Array<number>(buckets.length).fill(0);
  const young = new Map<number, number>();
  const established = new Map<number, number>();
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const { index, entries } of buckets) {
    for (const entry of entries) {
      const name = `bucket ${index} way ${entry.way}`;
      const places = placesOf(entry.key.subarray(0, keySizes[family]), mask);
      const isGuest = (entry.action.flags & flowFlags.FLOW_GUEST) !== 0;
      if (entry.tag !== places.tag) faults.push(`${name}: tag ${entry.tag} instead of ${places.tag}`);
      if (index !== (isGuest ? places.second : places.home)) faults.push(`${name}: ${isGuest ? 'guest' : 'entry'} of another bucket`);
      if (entry.action.class === flowClass.FLOW_EMPTY) faults.push(`${name}: has a tag, and no class`);
      if (entry.version % 2 === 1) faults.push(`${name}: still being written`);
      const key = entry.key.toString('hex');
      if (seen.has(key)) faults.push(`${name}: key ${key} is there twice`);
      seen.add(key);
      if (isGuest) guests[places.home]!++;
      count(entry, young, established);
    }
  }
  for (const { index, guests: counted } of buckets) {
    if (counted !== guests[index]) faults.push(`bucket ${index}: counts ${counted} guests instead of ${guests[index]}`);
  }
  shares.owners.forEach((share, owner) => {
    if (share.young !== (young.get(owner) ?? 0)) faults.push(`owner ${owner}: ${share.young} young instead of ${young.get(owner) ?? 0}`);
    if (share.established !== (established.get(owner) ?? 0)) {
      faults.push(`owner ${owner}: ${share.established} established instead of ${established.get(owner) ?? 0}`);
    }
  });
  return faults;
}

/** Whom an entry is charged to: 0 where neither end is an endpoint. */
export function ownerOf({ action, zone }: DumpedEntry): number {
  const owner = (action.flags & flowFlags.FLOW_TARGET_OWNS) !== 0 ? action.target : zone;
  return owner < 4096 ? owner : 0;
}

function count(entry: DumpedEntry, young: Map<number, number>, established: Map<number, number>): void {
  if (entry.action.class < flowClass.FLOW_HALF_OPEN) return;
  const counts = entry.action.class >= flowClass.FLOW_ESTABLISHED ? established : young;
  counts.set(ownerOf(entry), (counts.get(ownerOf(entry)) ?? 0) + 1);
}
