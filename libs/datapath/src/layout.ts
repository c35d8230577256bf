import { createHash, randomBytes } from 'node:crypto';
import { BpfError, BpfMap, mapTypes } from '@myelin/bpf-native';
import * as layout from '@myelin/datapath-layout';
import { DatapathError } from './error.ts';
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
}

/** Reads what was written down when the maps were made, or writes it. Throws DatapathError `layout` for maps of another version. */
export function openBirth(bpffs: string): Birth {
  const path = mapPin(bpffs, 'layout');
  const found = openIfPinned(path);
  const map = found ?? BpfMap.create({ type: mapTypes.array, name: 'layout', keySize: 4, valueSize, maxEntries: 1 });
  try {
    if (found === null) {
      const value = Buffer.concat([Buffer.alloc(8), randomBytes(valueSize - 8)]);
      value.writeBigUInt64LE(layoutDigest());
      map.update(indexKey(0), value);
      map.pin(path);
    }
    const value = map.lookup(indexKey(0))!;
    if (map.info.valueSize !== valueSize || value.readBigUInt64LE() !== layoutDigest()) {
      throw new DatapathError(
        'layout',
        bpffs,
        `the maps in ${bpffs} were made by another version of Myelin: take the pods off this node and remove that folder, or run that version`,
      );
    }
    return { isNew: found === null, seeds: Array.from({ length: layout.FLOW_SEEDS }, (_, at) => value.readBigUInt64LE(8 + at * 8)) };
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
