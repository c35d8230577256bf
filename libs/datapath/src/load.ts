import { existsSync } from 'node:fs';
import { arch } from 'node:os';
import { BpfError, BpfMap, BpfObject, type BpfProgram, type MapDeclaration, mapDifferences } from '@myelin/bpf-native';
import { flowClass } from '@myelin/datapath-layout';
import { DatapathError } from './error.ts';
import { kernelHz, tickShift, ticksOf } from './kernel-ticks.ts';
import { openBirth, writeBirth } from './layout.ts';
import { copyPinned, type Migration } from './migration.ts';
import { beginNextMaps, commitNextMaps, finishNextMaps, makePinFolders, mapPin } from './pins.ts';

/** Entries of maps, by name, where they shall differ from what the programs declare. For the flow tables: buckets, a power of two. */
export type TableSizes = Readonly<Record<string, number>>;

/** Tables that a node may have smaller or larger than the programs declare; the others' sizes are part of their layout. */
export const resizableTables: readonly string[] = [
  'addresses_v4',
  'addresses_v6',
  'prefixes_v4',
  'prefixes_v6',
  'policy_entries',
  'flows_v4',
  'flows_v6',
];

/** Maps and programs in the kernel, by name. */
export interface LoadedDatapath {
  readonly maps: ReadonlyMap<string, BpfMap>;
  readonly programs: ReadonlyMap<string, BpfProgram>;
  /** Whether the maps were there already. */
  readonly adopted: boolean;
  /** The maps were of another layout, and have been copied: to be called once no program of that layout is attached. Null: nothing of that kind. */
  readonly commit: (() => void) | null;
}

/** What a datapath is loaded with. */
export interface LoadOptions {
  readonly sizes: TableSizes;
  readonly clusterId: number;
  readonly migrations: readonly Migration[];
}

/** Working memory of one version's programs: nothing in it outlives them (bpf/README.md). */
export const workingMemory: ReadonlySet<string> = new Set([
  'runs',
  'flow_works',
  'decisions',
  'denials',
  'holders',
  'allowances',
  'likely_nodes',
]);

/** Programs that only tests run: verifying them would cost every start of a node a hundredth of a second each. */
const testPrograms: ReadonlySet<string> = new Set(['sweep_now']);

/** Seconds without a packet after which a flow is forgotten (semantics: "Conntrack lifetimes"). */
const lifetimes: Readonly<Partial<Record<keyof typeof flowClass, number>>> = {
  FLOW_NEGATIVE: 60,
  FLOW_CLOSING: 10,
  FLOW_HALF_OPEN: 60,
  FLOW_ONE_WAY: 60,
  FLOW_ESTABLISHED: 60,
  FLOW_ESTABLISHED_TCP: 8000,
};

/**
 * Loads the programs of `objectFiles` over the maps that are pinned below `bpffs`; maps that aren't there yet are made and pinned. A pinned map is used as it is,
 * its size included: nothing in it is touched (design D9). Maps of another layout are copied (README, "Another layout"). Throws DatapathError.
 */
export async function loadDatapath(
  bpffs: string,
  objectFiles: readonly string[],
  { sizes, clusterId, migrations }: LoadOptions,
): Promise<LoadedDatapath> {
  finishNextMaps(bpffs);
  makePinFolders(bpffs);
  const { isNew, seeds, migration } = openBirth(bpffs, migrations);
  const changed = new Set(Object.keys(migration?.maps ?? {}));
  if (migration !== null) beginNextMaps(bpffs, changed, pinAgain);
  const pinOf = (name: string) => mapPin(bpffs, name, migration === null ? 'maps' : 'maps-next');
  const maps = new Map<string, BpfMap>();
  const programs = new Map<string, BpfProgram>();
  for (const file of objectFiles) {
    const object = openObject(file);
    try {
      const shared = object.maps().filter(({ internal, name }) => !internal && !workingMemory.has(name));
      for (const declared of shared) {
        const before = changed.has(declared.name) ? sizeBefore(bpffs, declared.name) : {};
        reuse(object, declared, pinOf(declared.name), { ...sizes, ...before });
      }
      configure(object, seeds, clusterId);
      for (const { name } of object.programs()) object.setAutoload(name, !testPrograms.has(name));
      await object.load().catch((cause) => {
        throw refusal(file, cause);
      });
      for (const { name } of shared) {
        if (!existsSync(pinOf(name))) object.map(name).pin(pinOf(name));
        if (!maps.has(name)) maps.set(name, BpfMap.openPinned(pinOf(name)));
      }
      for (const { name } of object.programs()) if (!testPrograms.has(name)) programs.set(name, object.program(name));
    } finally {
      object.close();
    }
  }
  for (const [name, change] of Object.entries(migration?.maps ?? {})) await copyPinned(mapPin(bpffs, name), maps.get(name)!, change);
  // Last: what is complete says so.
  if (migration !== null) writeBirth(pinOf('layout'), seeds);
  return { maps, programs, adopted: !isNew, commit: migration === null ? null : () => commitNextMaps(bpffs) };
}

function pinAgain(from: string, to: string): void {
  const map = BpfMap.openPinned(from);
  map.pin(to);
  map.close();
}

/** A table that keeps its size keeps it in another layout, too. */
function sizeBefore(bpffs: string, name: string): TableSizes {
  if (!resizableTables.includes(name)) return {};
  const map = BpfMap.openPinned(mapPin(bpffs, name));
  const { maxEntries } = map.info;
  map.close();
  return { [name]: maxEntries };
}

function openObject(file: string): BpfObject {
  if (!existsSync(file)) throw new DatapathError('unsupported', file, `there are no BPF programs at ${file}: run "npm run build"`);
  return BpfObject.open(file);
}

function reuse(object: BpfObject, declared: MapDeclaration, pin: string, sizes: TableSizes): void {
  const wanted = sizes[declared.name];
  if (!existsSync(pin)) {
    if (wanted !== undefined) object.setMaxEntries(declared.name, wanted);
    return;
  }
  const map = BpfMap.openPinned(pin);
  const differences = mapDifferences({ ...declared, maxEntries: map.info.maxEntries }, map.info);
  if (differences.length > 0) {
    const message = `the map ${pin} was made by another version of Myelin (${differences.join(', ')}): take the pods off this node and remove its folder`;
    throw new DatapathError('layout', pin, message);
  }
  object.setMaxEntries(declared.name, map.info.maxEntries);
  object.reuseMap(declared.name, map);
}

/** Sets what the programs have as `const volatile` (bpf/include/config, bpf/include/flow/config.h); a constant that an object doesn't have is passed over. */
function configure(object: BpfObject, seeds: readonly bigint[], clusterId: number): void {
  const variables = new Set(object.variables().map(({ name }) => name));
  const set = (name: string, value: Buffer) => {
    if (variables.has(name)) object.setVariable(name, value);
  };
  const hz = kernelHz();
  const ticks = new Uint32Array(flowClass.FLOW_CLASSES);
  for (const [name, seconds] of Object.entries(lifetimes)) ticks[flowClass[name as keyof typeof flowClass]] = ticksOf(seconds, hz);
  for (const { name, maxEntries } of object.maps()) {
    if (name === 'flows_v4') set('flow_mask4', word(maxEntries - 1));
    if (name === 'flows_v6') set('flow_mask6', word(maxEntries - 1));
  }
  set('cluster_id', word(clusterId));
  set('flow_seed', Buffer.from(BigUint64Array.from(seeds).buffer));
  set('flow_tick_shift', word(tickShift(hz)));
  set('flow_lifetimes', Buffer.from(ticks.buffer));
  set('flow_weakly_ordered', Buffer.from([arch() === 'arm64' ? 1 : 0]));
}

function word(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function refusal(file: string, cause: unknown): unknown {
  if (!(cause instanceof BpfError)) return cause;
  return new DatapathError('kernel', file, `this kernel refuses the BPF programs: ${cause.message}`, { cause });
}
