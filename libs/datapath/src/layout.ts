import { createHash, randomBytes } from 'node:crypto';
import { BpfError, BpfMap, mapTypes } from '@myelin/bpf-native';
import * as layout from '@myelin/datapath-layout';
import { DatapathError } from './error.ts';
import { type Migration, migrationFrom } from './migration.ts';
import { mapPin } from './pins.ts';
import { indexKey } from './table.ts';

/** What lies in pinned maps, and in which form: flows and state survive an agent only where both ends of its restart agree on it. */
const structs = [
  layout.nodeStateCodec,
  layout.endpointCodec,
  layout.interfaceCodec,
  layout.peerCodec,
  layout.prefix4KeyCodec,
  layout.prefix6KeyCodec,
  layout.prefixCodec,
  layout.subjectCodec,
  layout.policyCodec,
  layout.policyBucketCodec,
  layout.flowBucket4Codec,
  layout.flowBucket6Codec,
  layout.flowSharesCodec,
  layout.repeatsCodec,
  layout.nodeCodec,
  layout.nodeSlotCodec,
  layout.frontend4KeyCodec,
  layout.frontend6KeyCodec,
  layout.frontendCodec,
  layout.servicePoolCodec,
  layout.tableBlockCodec,
  layout.serviceBackendCodec,
  layout.poolMemberKeyCodec,
  layout.poolMemberCodec,
  layout.serviceStateCodec,
  layout.affinityKeyCodec,
  layout.affinityCodec,
];

/** Eight bytes that change with every struct of a pinned map and with the flow table's own version. */
export function layoutDigest(): bigint {
  const shapes = structs.map(({ size, offsets }) => [size, offsets]);
  return createHash('sha256')
    .update(JSON.stringify([layout.FLOW_LAYOUT, shapes]))
    .digest()
    .readBigUInt64LE();
}

const valueSize = 8 + layout.FLOW_SEEDS * 8;

/** What is kept beside the maps for as long as they live: their layout, and the node's seeds of the flow table's hash. */
export interface Birth {
  /** False: the maps were there already and are adopted. */
  readonly isNew: boolean;
  readonly seeds: readonly bigint[];
  /** They are of another layout, which this leads from; null: of this one. */
  readonly migration: Migration | null;
}

/** Reads what was written down when the maps were made, or writes it. Throws DatapathError `layout` for maps of a layout that none of `known` leads from. */
export function openBirth(bpffs: string, known: readonly Migration[]): Birth {
  const path = mapPin(bpffs, 'layout');
  const found = openIfPinned(path);
  if (found === null) {
    const seeds = Array.from({ length: layout.FLOW_SEEDS }, () => randomBytes(8).readBigUInt64LE());
    writeBirth(path, seeds);
    return { isNew: true, seeds, migration: null };
  }
  try {
    const value = found.lookup(indexKey(0))!;
    const digest = value.readBigUInt64LE();
    const migration = digest === layoutDigest() ? null : migrationFrom(digest, known);
    if (found.info.valueSize !== valueSize || (digest !== layoutDigest() && migration === null)) {
      throw new DatapathError(
        'layout',
        bpffs,
        `the maps in ${bpffs} were made by another version of Myelin: take the pods off this node and remove that folder, or run that version`,
      );
    }
    return { isNew: false, seeds: Array.from({ length: layout.FLOW_SEEDS }, (_, at) => value.readBigUInt64LE(8 + at * 8)), migration };
  } finally {
    found.close();
  }
}

/** Pins this layout's digest, and the seeds, at `path`. */
export function writeBirth(path: string, seeds: readonly bigint[]): void {
  const map = BpfMap.create({ type: mapTypes.array, name: 'layout', keySize: 4, valueSize, maxEntries: 1 });
  try {
    map.update(indexKey(0), Buffer.from(BigUint64Array.of(layoutDigest(), ...seeds).buffer));
    map.pin(path);
  } finally {
    map.close();
  }
}

function openIfPinned(path: string): BpfMap | null {
  try {
    return BpfMap.openPinned(path);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOENT') return null;
    throw error;
  }
}
