import type { BpfMap } from '@myelin/bpf-native';
import { SUBJECTS, subjectCodec } from '@myelin/datapath-layout';
import { readBuckets, readPlace } from './policy-buckets.ts';
import { decodeHead, type PolicyImage } from './policy-image.ts';
import { type PrefixEntry, readPrefixes } from './prefixes.ts';
import { indexKey } from './table.ts';
import { required, type Tables } from './tables.ts';

/** A pod's slot, and whose policy its packets are asked about. */
export interface EndpointSubject {
  readonly slot: number;
  readonly identity: number;
  /** Identity that the policy in force for the slot is for; 0: there is none. */
  readonly subject: number;
  readonly ready: boolean;
}

/** All that decides about packets by policy on this node. */
export interface KernelTables {
  readonly policies: readonly PolicyImage[];
  readonly prefixes: readonly PrefixEntry[];
  readonly appliedIdentities: readonly number[];
  readonly endpoints: readonly EndpointSubject[];
}

/** Reads the maps themselves, nothing that a writer remembers: what a receipt rests on. No edit may be under way. */
export async function readKernelTables(
  maps: ReadonlyMap<string, BpfMap>,
  { endpoints, appliedIdentities }: Pick<Tables, 'endpoints' | 'appliedIdentities'>,
): Promise<KernelTables> {
  const map = (name: string) => required(maps, name, 'map');
  const heads = new Map<number, PolicyImage>();
  for (let index = 1; index < SUBJECTS; index++) {
    const { policy } = subjectCodec.read(map('subjects').lookup(indexKey(index))!);
    if (policy === 0) continue;
    const { head, place } = decodeHead(map('policies').lookup(indexKey(policy))!);
    heads.set(index, { ...head, entries: readBuckets(readPlace(map('policy_entries'), place), place.sizes) });
  }
  return {
    policies: [...heads.values()],
    prefixes: [...(await readPrefixes(4, map('prefixes_v4'))), ...(await readPrefixes(6, map('prefixes_v6')))],
    appliedIdentities: appliedIdentities.entries(),
    endpoints: endpoints
      .entries()
      .map(({ slot, identity, subject, ready }) => ({ slot, identity, ready, subject: heads.get(subject)?.identity ?? 0 })),
  };
}
