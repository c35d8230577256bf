/**
 * What a node's pinned maps look like at a release: `layout.json` of its data. All sizes and offsets are in bytes. A type is `u8` … `s64`, `be16`, `be32` (network order), `bool`, `struct <name>`,
 * `bytes`, `opaque` (padding, and what only programs may touch), or one of these with a length: `u32[6]`.
 */
export interface ReleaseLayout {
  readonly version: string;
  /** Of the flow table's buckets (bpf/include/types/flow.h). */
  readonly flowLayout: number;
  /** What is written down beside the maps when they are made, in hexadecimal (libs/datapath, `layout.ts`). */
  readonly digest: string;
  readonly programs: readonly string[];
  /** Pinned maps by name. */
  readonly maps: Readonly<Record<string, MapLayout>>;
  readonly structs: Readonly<Record<string, StructShape>>;
  /** Numbers that stand in maps, or say how large they are: constants, and enums as `<enum>.<name>`. */
  readonly numbers: Readonly<Record<string, number>>;
}

export interface MapLayout {
  /** As `enum bpf_map_type`. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Null where the map has neither, or its declaration says only the size. */
  readonly key: string | null;
  readonly value: string | null;
}

export interface StructShape {
  readonly size: number;
  readonly fields: Readonly<Record<string, FieldShape>>;
}

export interface FieldShape {
  readonly offset: number;
  readonly size: number;
  readonly type: string;
}
