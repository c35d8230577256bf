import { type BpfProgram, isBpfFileSystem, probeFeature } from '@myelin/bpf-native';
import { Attachments } from './attachment.ts';
import { type Counters, readCounters, readEventsLost } from './counters.ts';
import { DatapathError } from './error.ts';
import { findObjects } from './find-objects.ts';
import { type LoadedDatapath, loadDatapath, type TableSizes } from './load.ts';
import { migrations as known, type Migration } from './migration.ts';
import { type KernelTables, readKernelTables } from './read-tables.ts';
import { replaceEverywhere } from './replace.ts';
import type { TablePressure } from './table.ts';
import { openTables, required, type Tables } from './tables.ts';

/** What a datapath is opened with. */
export interface DatapathOptions {
  /** Folder on a BPF file system that is this node's alone. */
  readonly bpffs: string;
  /** Compiled objects, together with the programs from_pod, to_pod, from_tunnel and sweep_start; default: `findObjects()`. */
  readonly objectFiles?: readonly string[];
  readonly sizes?: TableSizes;
  /** 0 … 255: of this cluster among those whose nodes reach each other. */
  readonly clusterId?: number;
  /** How programs are attached; default: by tcx where the kernel has it. */
  readonly attachBy?: 'tcx' | 'clsact';
  /** Layouts that are taken over; default: those that this tree knows. */
  readonly migrations?: readonly Migration[];
}

/**
 * The kernel's side of one node: tables and programs. It lives in the kernel, pinned below `bpffs`: opening it adopts what is there, closing it leaves everything as
 * it is. One process writes. Network interfaces are those of the process' network namespace.
 */
export class Datapath implements Tables {
  readonly clock: Tables['clock'];
  readonly endpoints: Tables['endpoints'];
  readonly addresses: Tables['addresses'];
  readonly prefixes: Tables['prefixes'];
  readonly nodes: Tables['nodes'];
  readonly policies: Tables['policies'];
  readonly appliedIdentities: Tables['appliedIdentities'];
  readonly services: Tables['services'];
  readonly attachments: Attachments;
  /** Whether there were maps already. */
  readonly adopted: boolean;
  readonly #loaded: LoadedDatapath;
  readonly #refusals: ReadonlyMap<string, number>;

  private constructor(tables: Tables, attachments: Attachments, loaded: LoadedDatapath, refusals: ReadonlyMap<string, number>) {
    this.clock = tables.clock;
    this.endpoints = tables.endpoints;
    this.addresses = tables.addresses;
    this.prefixes = tables.prefixes;
    this.nodes = tables.nodes;
    this.policies = tables.policies;
    this.appliedIdentities = tables.appliedIdentities;
    this.services = tables.services;
    this.attachments = attachments;
    this.adopted = loaded.adopted;
    this.#loaded = loaded;
    this.#refusals = refusals;
  }

  /** Loads or adopts. Throws DatapathError: nothing that was in force before is changed then. */
  static async open(options: DatapathOptions): Promise<Datapath> {
    const { bpffs, objectFiles = findObjects(), sizes = {}, clusterId = 0, attachBy, migrations = known } = options;
    if (!isBpfFileSystem(bpffs)) {
      throw new DatapathError('unsupported', bpffs, `${bpffs} is not on a BPF file system: mount one there (mount -t bpf bpf <folder>)`);
    }
    const loaded = await loadDatapath(bpffs, objectFiles, { sizes, clusterId, migrations });
    const program = (name: string) => required(loaded.programs, name, 'program');
    const programs = { from_pod: program('from_pod'), to_pod: program('to_pod'), from_tunnel: program('from_tunnel') };
    const attachments = new Attachments(bpffs, programs, attachBy ?? (await bestAttachment()));
    if (loaded.commit !== null) {
      await replaceEverywhere(bpffs, attachments, loaded.maps);
      loaded.commit();
    }
    const refusals = new Map<string, number>();
    const tables = await openTables(loaded.maps, (table) => refusals.set(table, (refusals.get(table) ?? 0) + 1));
    await startSweeper(program('sweep_start'));
    return new Datapath(tables, attachments, loaded, refusals);
  }

  counters(): Counters {
    return readCounters(required(this.#loaded.maps, 'counters', 'map'));
  }

  /** Events that found no room in the ring buffer since it was made. */
  eventsLost(): bigint {
    return readEventsLost(required(this.#loaded.maps, 'counters', 'map'));
  }

  /** How full the tables are that the node fills. */
  pressure(): readonly TablePressure[] {
    return [
      this.endpoints.pressure,
      ...this.addresses.pressure,
      ...this.prefixes.pressure,
      ...this.nodes.pressure,
      ...this.policies.pressure,
      ...this.services.pressure,
    ];
  }

  /** All that decides by policy, read back from the maps. No edit may be under way. */
  readTables(): Promise<KernelTables> {
    return readKernelTables(this.#loaded.maps, this);
  }

  /** By table: writes that it had no room for, since this process began. */
  refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /** Gives descriptors back. What is pinned and attached goes on working. */
  close(): void {
    for (const map of this.#loaded.maps.values()) map.close();
    for (const program of this.#loaded.programs.values()) program.close();
  }
}

async function bestAttachment(): Promise<'tcx' | 'clsact'> {
  return (await probeFeature('tcx')).state === 'supported' ? 'tcx' : 'clsact';
}

/** The kernel reclaims dead flows by a timer of its own, agent or not (design D8); it is started once, or given this version's code. */
async function startSweeper(program: BpfProgram): Promise<void> {
  const { returnValue } = await program.testRun({ data: Buffer.alloc(64) });
  if (returnValue === 0) return;
  throw new DatapathError('kernel', 'sweep_start', `the kernel's timer that reclaims dead flows did not start (error ${returnValue | 0})`);
}
