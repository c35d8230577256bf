import { type BpfMap, isBpfFileSystem, probeFeature } from '@myelin/bpf-native';
import { AddressTable } from './addresses.ts';
import { AppliedIdentities } from './applied-identities.ts';
import { Attachments } from './attachment.ts';
import { Clock } from './clock.ts';
import { type Counters, readCounters } from './counters.ts';
import { EndpointTable } from './endpoints.ts';
import { DatapathError } from './error.ts';
import { type LoadedDatapath, loadDatapath, type TableSizes } from './load.ts';
import { PolicyTable } from './policies.ts';
import { PrefixTable } from './prefixes.ts';
import type { TablePressure } from './table.ts';

/** What a datapath is opened with. */
export interface DatapathOptions {
  /** Folder on a BPF file system that is this node's alone. */
  readonly bpffs: string;
  /** Compiled objects (`bpf/build/*.o`), together with the programs from_pod and to_pod. */
  readonly objectFiles: readonly string[];
  readonly sizes?: TableSizes;
  /** How programs are attached; default: by tcx where the kernel has it. */
  readonly attachBy?: 'tcx' | 'clsact';
}

/**
 * The kernel's side of one node: tables and programs. It lives in the kernel, pinned below `bpffs`: opening it adopts what is there, closing it leaves everything as
 * it is. One process writes. Network interfaces are those of the process' network namespace.
 */
export class Datapath {
  readonly clock: Clock;
  readonly endpoints: EndpointTable;
  readonly addresses: AddressTable;
  readonly prefixes: PrefixTable;
  readonly policies: PolicyTable;
  readonly appliedIdentities: AppliedIdentities;
  readonly attachments: Attachments;
  /** Whether there were maps already. */
  readonly adopted: boolean;
  readonly #loaded: LoadedDatapath;
  readonly #refusals: Map<string, number>;

  private constructor(
    parts: Pick<Datapath, 'clock' | 'endpoints' | 'addresses' | 'prefixes' | 'policies' | 'appliedIdentities' | 'attachments'>,
    loaded: LoadedDatapath,
    refusals: Map<string, number>,
  ) {
    this.clock = parts.clock;
    this.endpoints = parts.endpoints;
    this.addresses = parts.addresses;
    this.prefixes = parts.prefixes;
    this.policies = parts.policies;
    this.appliedIdentities = parts.appliedIdentities;
    this.attachments = parts.attachments;
    this.adopted = loaded.adopted;
    this.#loaded = loaded;
    this.#refusals = refusals;
  }

  /** Loads or adopts. Throws DatapathError: nothing that was in force before is changed then. */
  static async open({ bpffs, objectFiles, sizes = {}, attachBy }: DatapathOptions): Promise<Datapath> {
    if (!isBpfFileSystem(bpffs))
      throw new DatapathError('unsupported', bpffs, `${bpffs} is not on a BPF file system: mount one there (mount -t bpf bpf <folder>)`);
    const loaded = await loadDatapath(bpffs, objectFiles, sizes);
    const map = (name: string): BpfMap => required(loaded.maps, name, 'map');
    const refusals = new Map<string, number>();
    const onFull = (table: string) => refusals.set(table, (refusals.get(table) ?? 0) + 1);
    const clock = new Clock(map('node_state'));
    const programs = { from_pod: required(loaded.programs, 'from_pod', 'program'), to_pod: required(loaded.programs, 'to_pod', 'program') };
    const addressMaps = { v4: map('addresses_v4'), v6: map('addresses_v6'), peerEpochs: map('peer_epochs') };
    const policyMaps = { subjects: map('subjects'), policies: map('policies'), entries: map('policy_entries') };
    const parts = {
      clock,
      endpoints: new EndpointTable({ endpoints: map('endpoints'), interfaces: map('interfaces') }, clock, onFull),
      addresses: await AddressTable.open(addressMaps, clock, onFull),
      prefixes: await PrefixTable.open({ 4: map('prefixes_v4'), 6: map('prefixes_v6') }, clock, onFull),
      policies: await PolicyTable.open(policyMaps, clock, onFull),
      appliedIdentities: new AppliedIdentities(map('applied_identities')),
      attachments: new Attachments(bpffs, programs, attachBy ?? (await bestAttachment())),
    };
    return new Datapath(parts, loaded, refusals);
  }

  counters(): Counters {
    return readCounters(required(this.#loaded.maps, 'counters', 'map'));
  }

  /** How full the tables are that the node fills. */
  pressure(): readonly TablePressure[] {
    return [this.endpoints.pressure, ...this.addresses.pressure, ...this.prefixes.pressure, ...this.policies.pressure];
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

function required<T>(things: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = things.get(name);
  if (found === undefined)
    throw new DatapathError('unsupported', name, `the BPF objects have no ${what} ${name}: they are of another version`);
  return found;
}
