import type { BpfMap } from '@myelin/bpf-native';
import { AddressTable } from './addresses.ts';
import { AppliedIdentities } from './applied-identities.ts';
import { Clock } from './clock.ts';
import { EndpointTable } from './endpoints.ts';
import { DatapathError } from './error.ts';
import { NodeTable } from './nodes.ts';
import { PolicyTable } from './policies.ts';
import { PrefixTable } from './prefixes.ts';
import { ServiceTables } from './services.ts';
import type { OnFull } from './table.ts';

/** All tables that the node's agent writes, over one clock. */
export interface Tables {
  readonly clock: Clock;
  readonly endpoints: EndpointTable;
  readonly addresses: AddressTable;
  readonly prefixes: PrefixTable;
  readonly nodes: NodeTable;
  readonly policies: PolicyTable;
  readonly appliedIdentities: AppliedIdentities;
  readonly services: ServiceTables;
}

/** Opens the tables over loaded maps: reads what is in them, and clears what a killed writer left half done. */
export async function openTables(maps: ReadonlyMap<string, BpfMap>, onFull: OnFull): Promise<Tables> {
  const map = (name: string): BpfMap => required(maps, name, 'map');
  const clock = new Clock(map('node_state'));
  const addressMaps = { v4: map('addresses_v4'), v6: map('addresses_v6'), peerEpochs: map('peer_epochs') };
  const nodeMaps = { nodes: map('nodes'), slots: map('node_slots'), ranges: map('pod_ranges') };
  const serviceMaps = {
    frontends: { 4: map('frontends_v4'), 6: map('frontends_v6') },
    pools: map('service_pools'),
    tables: map('service_tables'),
    backends: map('service_backends'),
    members: map('pool_members'),
    state: map('service_state'),
    peerEpochs: map('peer_epochs'),
  };
  const policyMaps = { subjects: map('subjects'), policies: map('policies'), entries: map('policy_entries') };
  return {
    clock,
    endpoints: new EndpointTable({ endpoints: map('endpoints'), interfaces: map('interfaces') }, clock, onFull),
    addresses: await AddressTable.open(addressMaps, clock, onFull),
    prefixes: await PrefixTable.open({ 4: map('prefixes_v4'), 6: map('prefixes_v6') }, clock, onFull),
    nodes: await NodeTable.open(nodeMaps, clock, onFull),
    policies: PolicyTable.open(policyMaps, clock, onFull),
    appliedIdentities: new AppliedIdentities(map('applied_identities')),
    services: await ServiceTables.open(serviceMaps, clock, onFull),
  };
}

/** A map or program by name. Throws DatapathError where the objects don't have it. */
export function required<T>(things: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = things.get(name);
  if (found === undefined)
    throw new DatapathError('unsupported', name, `the BPF objects have no ${what} ${name}: they are of another version`);
  return found;
}
