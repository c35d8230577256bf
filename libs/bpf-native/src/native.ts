/**
 * What the addon exports, in the order of its C++ (`native/addon.cc`, then one file an object). Buffers in, Buffers out; every call may
 * throw (promises: reject with) a {@link BpfError}. Nothing outside this library uses it: the classes beside this file do.
 */
import { createRequire } from 'node:module';
import { BpfError } from './error.ts';
import { findAddon } from './find-addon.ts';

declare const tag: unique symbol;
type Handle<Noun extends string> = { readonly [tag]: Noun };

/** Opaque handles; each is closed by its own function, after which every other use throws `EBADF`. */
export type ObjectHandle = Handle<'object'>;
export type MapHandle = Handle<'map'>;
export type ProgramHandle = Handle<'program'>;
export type LinkHandle = Handle<'link'>;
export type RingBufferHandle = Handle<'ring buffer'>;

/** Entries of a map that one batch call read, and where the next goes on. */
interface LookedUp {
  count: number;
  cursor: Buffer | null;
}

export interface Native {
  initialize(error: typeof BpfError): void;

  // object.cc
  objectOpen(source: string | Uint8Array, name: string): ObjectHandle;
  objectClose(object: ObjectHandle): void;
  objectMaps(object: ObjectHandle): NativeMapDeclaration[];
  objectPrograms(object: ObjectHandle): NativeProgramDeclaration[];
  objectVariables(object: ObjectHandle): { name: string; map: string; offset: number; size: number }[];
  objectBtf(object: ObjectHandle): Buffer | null;
  objectSetVariable(object: ObjectHandle, name: string, value: Uint8Array): void;
  objectSetMaxEntries(object: ObjectHandle, map: string, maxEntries: number): void;
  objectReuseMap(object: ObjectHandle, name: string, map: MapHandle): void;
  objectSetAutoload(object: ObjectHandle, program: string, autoload: boolean): void;
  objectSetProgramType(object: ObjectHandle, program: string, type: number, attachType: number): void;
  objectLoad(object: ObjectHandle): Promise<void>;
  objectMap(object: ObjectHandle, name: string): MapHandle;
  objectProgram(object: ObjectHandle, name: string): ProgramHandle;

  // map.cc
  mapCreate(type: number, name: string, keySize: number, valueSize: number, maxEntries: number, flags: number): MapHandle;
  mapOpenPinned(path: string): MapHandle;
  mapOpenId(id: number): MapHandle;
  mapPin(map: MapHandle, path: string): void;
  mapClose(map: MapHandle): void;
  mapInfo(map: MapHandle): NativeMapInfo;
  /** Fills `value`; false: no such key. */
  mapLookup(map: MapHandle, key: Uint8Array, value: Uint8Array, flags: number): boolean;
  /** False: NOEXIST and there, or EXIST and not there. */
  mapUpdate(map: MapHandle, key: Uint8Array, value: Uint8Array, flags: number): boolean;
  /** False: no such key. */
  mapDelete(map: MapHandle, key: Uint8Array): boolean;
  /** Fills `next`; false: `key` was the last. */
  mapNextKey(map: MapHandle, key: Uint8Array | null, next: Uint8Array): boolean;
  possibleCpus(): number;
  waitForReaders(): Promise<void>;

  // map_batch.cc
  mapUpdateBatch(map: MapHandle, keys: Uint8Array, values: Uint8Array, flags: number): Promise<void>;
  mapUpdateBatchSync(map: MapHandle, keys: Uint8Array, values: Uint8Array, flags: number): void;
  /** How many were there to delete. */
  mapDeleteBatch(map: MapHandle, keys: Uint8Array): Promise<number>;
  mapDeleteBatchSync(map: MapHandle, keys: Uint8Array): number;
  /** Fills `keys` and `values`; a null `cursor` in the answer: that was the end. ENOSPC: one bucket of the map has more entries than fit. */
  mapLookupBatch(map: MapHandle, cursor: Uint8Array | null, keys: Uint8Array, values: Uint8Array, flags: number): Promise<LookedUp>;
  mapLookupBatchSync(map: MapHandle, cursor: Uint8Array | null, keys: Uint8Array, values: Uint8Array, flags: number): LookedUp;

  // program.cc
  programOpenPinned(path: string): ProgramHandle;
  programOpenId(id: number): ProgramHandle;
  programPin(program: ProgramHandle, path: string): void;
  programClose(program: ProgramHandle): void;
  programInfo(program: ProgramHandle): NativeProgramInfo;
  /** `durationNs` is the mean of the repeats. */
  programTestRun(
    program: ProgramHandle,
    data: Uint8Array | null,
    dataOut: Uint8Array | null,
    context: Uint8Array | null,
    contextOut: Uint8Array | null,
    repeat: number,
    cpu: number | null,
  ): Promise<{ returnValue: number; dataSize: number; contextSize: number; durationNs: number }>;

  // link.cc
  linkCreate(program: ProgramHandle, ifindex: number, attachType: number): Promise<LinkHandle>;
  linkOpenPinned(path: string): LinkHandle;
  linkPin(link: LinkHandle, path: string): void;
  /** A link that is not pinned detaches its program when its last descriptor goes. */
  linkClose(link: LinkHandle): void;
  linkUpdate(link: LinkHandle, program: ProgramHandle): Promise<void>;
  linkDetach(link: LinkHandle): Promise<void>;
  /** `ifindex` is 0 once the interface is gone. */
  linkInfo(link: LinkHandle): { id: number; programId: number; ifindex: number; attachType: number };
  tcxPrograms(ifindex: number, attachType: number): number[];

  // filter.cc
  filterAttach(program: ProgramHandle, ifindex: number, egress: number, handle: number, priority: number): Promise<void>;
  filterDetach(ifindex: number, egress: number, handle: number, priority: number): Promise<boolean>;
  filterProgram(ifindex: number, egress: number, handle: number, priority: number): number | null;
  clsactRemove(ifindex: number): Promise<boolean>;

  // ring_buffer.cc
  ringBufferOpen(map: MapHandle, target: Uint8Array, onBatch: (count: number, bytes: number) => void, restMs: number): RingBufferHandle;
  ringBufferDrain(ring: RingBufferHandle): { count: number; bytes: number };
  ringBufferOversized(ring: RingBufferHandle): number;
  ringBufferClose(ring: RingBufferHandle): void;

  // probe.cc
  probeMapType(type: number): Promise<boolean>;
  probeProgramType(type: number): Promise<boolean>;
  probeHelper(programType: number, helper: number): Promise<boolean>;
  probeKernelFunction(name: string): Promise<boolean>;
  probeKernelBtf(): Promise<boolean>;
  probeTcx(): Promise<boolean>;
  probeMapBatch(type: number): Promise<boolean>;

  // system.cc
  interfaceIndex(name: string): number | null;
  interfaceName(ifindex: number): string | null;
  isBpfFileSystem(path: string): boolean;
  mountBpfFileSystem(path: string): void;
  unmountBpfFileSystem(path: string): void;
}

export interface NativeMapDeclaration {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Made by libbpf for a section of global variables. */
  readonly internal: boolean;
}

export interface NativeProgramDeclaration {
  readonly name: string;
  readonly section: string;
  readonly type: number;
  readonly attachType: number;
  readonly autoload: boolean;
}

export interface NativeMapInfo {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  readonly keySize: number;
  /** As declared: bytes of one value. */
  readonly valueSize: number;
  /** Bytes that look-up and update take: of all possible CPUs in per-CPU maps. */
  readonly userValueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly fd: number;
}

export interface NativeProgramInfo {
  readonly id: number;
  readonly type: number;
  readonly name: string;
  /** Hash of the instructions, 16 hex digits. */
  readonly tag: string;
  readonly instructions: number;
  readonly jitedBytes: number;
  /** How many the verifier processed, over all branches. */
  readonly verifiedInstructions: number;
  /** Both 0 unless `kernel.bpf_stats_enabled`. */
  readonly runCount: bigint;
  readonly runTimeNs: bigint;
  /** Kernel-wide ids of the maps that it uses, those of global variables included. */
  readonly mapIds: readonly number[];
  readonly fd: number;
}

/** The loaded addon. */
export const native: Native = createRequire(import.meta.url)(findAddon());
native.initialize(BpfError);
