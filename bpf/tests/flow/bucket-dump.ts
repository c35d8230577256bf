import type { BpfMap } from '@myelin/bpf-native';
import { type FlowAction, type FlowEntry4, type FlowEntry6, flowBucket4Codec, flowBucket6Codec, flowClass } from '@myelin/datapath-layout';

export type Family = 4 | 6;

/** One used way of a bucket. */
export interface DumpedEntry {
  readonly way: number;
  readonly tag: number;
  readonly ingressOrigin: number;
  readonly version: number;
  readonly action: FlowAction;
  readonly packets: number;
  readonly bytes: number;
  /** The key's bytes. */
  readonly key: Buffer;
  readonly zone: number;
}

/** One bucket as it was under its lock. */
export interface DumpedBucket {
  readonly index: number;
  readonly guests: number;
  readonly layout: number;
  readonly entries: readonly DumpedEntry[];
  /** The other ways. They may hold counts: of hits that came too late for the entry. */
  readonly empty: readonly DumpedEntry[];
}

const codecs = { 4: flowBucket4Codec, 6: flowBucket6Codec } as const;
const keyOffset = 40;

/** Bytes of a key. */
export const keySizes = { 4: 16, 6: 40 } as const;

/** All buckets, each read under its lock. */
export async function* dumpBuckets(map: BpfMap, family: Family): AsyncGenerator<DumpedBucket> {
  const { size } = codecs[family];
  for await (const { count, keys, values } of map.batches({ lock: true })) {
    for (let at = 0; at < count; at++) {
      yield readBucket(keys.readUInt32LE(at * 4), values.subarray(at * size, (at + 1) * size), family);
    }
  }
}

function readBucket(index: number, value: Buffer, family: Family): DumpedBucket {
  const bucket = codecs[family].read(value);
  const stride = value.length / 8;
  const entries = [bucket.way0, ...bucket.ways.map((way) => way.entry)].map((entry, way) =>
    readEntry(entry, way, value.subarray(way * stride + 8 + keyOffset, way * stride + 8 + keyOffset + keySizes[family]), value),
  );
  return {
    index,
    guests: bucket.guests,
    layout: bucket.layout,
    entries: entries.filter(isUsed),
    empty: entries.filter((entry) => !isUsed(entry)),
  };
}

function isUsed({ tag, action }: DumpedEntry): boolean {
  return tag !== 0 || action.class !== flowClass.FLOW_EMPTY;
}

function readEntry({ state, key }: FlowEntry4 | FlowEntry6, way: number, keyBytes: Buffer, bucket: Buffer): DumpedEntry {
  const stride = bucket.length / 8;
  return {
    way,
    tag: bucket.readUInt8(stride + way),
    ingressOrigin: bucket.readUInt32LE((2 + (way >> 1)) * stride + (way & 1) * 4),
    version: state.version,
    action: state.action,
    packets: Number(state.counter >> 40n),
    bytes: Number(state.counter & 0xff_ffff_ffffn),
    key: Buffer.from(keyBytes),
    zone: key.zone,
  };
}
