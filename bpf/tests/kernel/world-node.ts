import { join } from 'node:path';
import { address, formatPrefix, prefix } from '@myelin/address';
import { type BpfMap, BpfObject, type BpfProgram, RingBuffer, records } from '@myelin/bpf-native';
import {
  AddressTable,
  AppliedIdentities,
  Clock,
  EndpointTable,
  kernelPolicy,
  kernelPrefixes,
  NodeTable,
  PolicyTable,
  PrefixTable,
  type Tables,
} from '@myelin/datapath';
import { type Event, eventCodec } from '@myelin/datapath-layout';
import { reservedIdentities } from '@myelin/labels';
import { Localizer, type LocalStep, type Origin, type PrefixRow } from '@myelin/policy-localize';
import type { CompiledPolicy } from '@myelin/policy-model';
import type { OracleEndpoint, OracleWorld } from '@myelin/policy-oracle';
import type { Numbering } from '@myelin/policy-oracle/testing/engine';
import type { Speaker } from '../packets/talk.ts';
import { Counts } from './counts.ts';
import { integerKey } from './test-map.ts';

const objectFile = join(import.meta.dirname, '..', '..', 'build', 'pod.o');
/** Of each flow table: enough for a minute's flows, which is how long one is remembered. */
const flowBuckets = 16384;

/** Of each address table: every world looks through all of it for rows of the one before. */
const addressRows = 4096;

/** Policy's and whom it is about. */
type PolicedTables = Omit<Tables, 'services'>;

/** Offsets in `struct __sk_buff` of what a test run may set. */
const contextFields = { size: 192, ingressIfindex: 36, ifindex: 40 } as const;

/** The test run's interface: it has to exist, and its node side plays every pod's in turn. */
const loopback = 1;

/** Ranges of the drawn worlds' pods and nodes. */
const clusterRanges = ['10.244.0.0/16', '192.168.0.0/24', 'fd00:10:244::/48', 'fd00:192:168::/64'].map((text) => prefix(text));

/** What a program did with one packet. `action`: as the kernel knows it (0 pass, 2 drop, 7 redirect). */
export interface Passage {
  readonly action: number;
  readonly events: readonly Event[];
}

/** A pod of the world at this node; slots follow the order of the world's endpoints. */
interface LocalPod {
  readonly slot: number;
  readonly endpoint: OracleEndpoint;
}

/**
 * One node of the worlds that libs/policy-oracle draws: the pods' programs in the kernel over tables that libs/datapath writes, as the agent does. World follows
 * world in the same tables, under the same identity numbers, slots and mostly addresses: what the programs remember of the one before must not decide in the next.
 */
export class WorldNode {
  readonly number: number;
  readonly #object: BpfObject;
  readonly #interfaces: BpfMap;
  readonly #fromPod: BpfProgram;
  readonly #toPod: BpfProgram;
  readonly #tables: PolicedTables;
  readonly #counts: Counts;
  readonly #ring: RingBuffer;
  readonly #localizer = new Localizer();
  #rows = new Map<string, PrefixRow>();
  #pods = new Map<string, LocalPod>();
  #records: Event[] = [];

  private constructor(number: number, object: BpfObject, tables: PolicedTables) {
    this.number = number;
    this.#object = object;
    this.#tables = tables;
    this.#interfaces = object.map('interfaces');
    this.#fromPod = object.program('from_pod');
    this.#toPod = object.program('to_pod');
    this.#counts = new Counts(object.map('counters'));
    this.#ring = new RingBuffer(object.map('events'), Buffer.alloc(1 << 16), (batch) => this.#take(batch));
  }

  /** Loads bpf/build/pod.o. `number`: which of a world's nodes this is, from 1. */
  static async load(number: number): Promise<WorldNode> {
    const object = BpfObject.open(objectFile);
    // A few pods have all flows of a minute: what shares do is shown in flow-pressure.priv.spec.ts.
    for (const share of ['flow_young_share', 'flow_established_share']) object.setVariable(share, integerKey(1 << 20));
    for (const [map, mask] of [
      ['flows_v4', 'flow_mask4'],
      ['flows_v6', 'flow_mask6'],
    ] as const) {
      object.setMaxEntries(map, flowBuckets);
      object.setVariable(mask, integerKey(flowBuckets - 1));
    }
    for (const map of ['addresses_v4', 'addresses_v6']) object.setMaxEntries(map, addressRows);
    object.setMaxEntries('events', 65536);
    await object.load();
    return new WorldNode(number, object, await openTables(object));
  }

  /** Makes the world this node's, over whatever was before. `policies`: of all identities; those of the node's pods are put in force. */
  async put(world: OracleWorld, { ofEndpoint }: Numbering, policies: readonly CompiledPolicy[]): Promise<void> {
    const here = `node-${this.number}`;
    const pods = world.endpoints.map((endpoint, index) => ({ endpoint, slot: index + 1, identity: ofEndpoint.get(nameOf(endpoint))! }));
    const local = pods.filter(({ endpoint }) => endpoint.node === here);
    this.#tables.appliedIdentities.set(ofEndpoint.values());
    await this.#putPolicies(policies.filter(({ identity }) => local.some((pod) => pod.identity === identity)));
    const peers = new Map<string, { readonly identity: number; readonly slot: number; readonly node: number }>();
    for (const { endpoint, slot, identity } of pods) {
      const peer = { identity, slot: endpoint.node === here ? slot : 0, node: 0 };
      for (const own of endpoint.addresses) peers.set(own, peer);
    }
    for (const { name, addresses } of world.nodes) {
      const identity = reservedIdentities[name === here ? 'host' : 'remote-node'];
      for (const own of addresses) peers.set(own, { identity, slot: 0, node: 0 });
    }
    this.#putEndpoints(local);
    const kept = new Set([...peers.keys()].map((own) => address(own).value));
    await this.#tables.addresses.prune(({ value }) => kept.has(value));
    for (const [own, peer] of peers) this.#tables.addresses.set(address(own), peer);
  }

  /** Whether the pod of this name runs here. */
  runs(name: string): boolean {
    return this.#pods.has(name);
  }

  /** Addresses and MACs of a pod of this node. */
  speaker(name: string): Speaker {
    const { slot, endpoint } = this.#pods.get(name)!;
    const [ipv4, ipv6] = endpoint.addresses as [string, string];
    return { ipv4, ipv6, ...macsOf(slot) };
  }

  /** What an event's origin number stands for; null: nothing. */
  origin(number: number): Origin | null {
    return number === 0 ? null : this.#localizer.origin(number);
  }

  /** A packet that a pod sends. */
  fromPod(name: string, packet: Buffer): Promise<Passage> {
    return this.#run(this.#fromPod, name, packet, 0);
  }

  /** A packet that the node's stack sends to a pod: the node's own (`host`), or one that it forwards. */
  toPod(name: string, packet: Buffer, from: 'host' | 'native'): Promise<Passage> {
    return this.#run(this.#toPod, name, packet, from === 'native' ? loopback : 0);
  }

  /** How often a side counter (`enum side_counter`) has moved since `load`. */
  async counted(counter: number): Promise<number> {
    return this.#counts.packetsOf(await this.#counts.read(), counter);
  }

  close(): void {
    this.#ring.close();
    this.#object.close();
  }

  async #putPolicies(policies: readonly CompiledPolicy[]): Promise<void> {
    const wanted = new Set(policies.map(({ identity }) => identity));
    const removed = this.#tables.policies.identities().filter((identity) => !wanted.has(identity));
    for (const step of this.#localizer.update({ put: policies, removed, clusterRanges })) await this.#write(step);
  }

  async #write(step: LocalStep): Promise<void> {
    if (step.kind === 'subjects') {
      const { refused } = await this.#tables.policies.apply({ put: step.put.map(kernelPolicy), removed: step.removed });
      if (refused.length > 0) throw refused[0]!.error;
      return;
    }
    for (const row of step.put) this.#rows.set(formatPrefix(row.prefix), row);
    for (const one of step.deleted) this.#rows.delete(formatPrefix(one));
    const { refused } = this.#tables.prefixes.reconcile(kernelPrefixes([...this.#rows.values()]));
    if (refused.length > 0) throw refused[0]!.error;
  }

  #putEndpoints(pods: readonly (LocalPod & { readonly identity: number })[]): void {
    const slots = new Set(pods.map(({ slot }) => slot));
    for (const { slot } of this.#pods.values()) if (!slots.has(slot)) this.#tables.endpoints.remove(slot);
    for (const { slot, endpoint, identity } of pods) {
      const subject = this.#tables.policies.subjectOf(identity);
      const addresses = endpoint.addresses.map((own) => address(own));
      this.#tables.endpoints.write({ slot, ifindex: 1000 + slot, identity, subject, addresses, ...macsOf(slot), ready: true });
    }
    this.#pods = new Map(pods.map((pod) => [nameOf(pod.endpoint), pod]));
  }

  async #run(program: BpfProgram, name: string, packet: Buffer, ingressIfindex: number): Promise<Passage> {
    this.#interfaces.update(integerKey(loopback), integerKey(this.#pods.get(name)!.slot));
    const context = Buffer.alloc(contextFields.size);
    context.writeUInt32LE(ingressIfindex, contextFields.ingressIfindex);
    context.writeUInt32LE(loopback, contextFields.ifindex);
    const { returnValue } = await program.testRun({ data: packet, context });
    this.#take(this.#ring.drain());
    const events = this.#records;
    this.#records = [];
    return { action: returnValue, events };
  }

  #take({ count, buffer }: { readonly count: number; readonly buffer: Buffer }): void {
    for (const record of records({ count, buffer })) this.#records.push(eventCodec.read(record));
  }
}

const nameOf = ({ namespace, name }: OracleEndpoint) => `${namespace}/${name}`;

const macsOf = (slot: number) => ({ mac: `0a:00:00:00:00:0${slot}`, nodeMac: `0e:00:00:00:00:0${slot}` });

async function openTables(object: BpfObject): Promise<PolicedTables> {
  const map = (name: string) => object.map(name);
  const refuse = (table: string) => {
    throw new Error(`${table} is full`);
  };
  const clock = new Clock(map('node_state'));
  const addressMaps = { v4: map('addresses_v4'), v6: map('addresses_v6'), peerEpochs: map('peer_epochs') };
  const policyMaps = { subjects: map('subjects'), policies: map('policies'), entries: map('policy_entries') };
  return {
    clock,
    endpoints: new EndpointTable({ endpoints: map('endpoints'), interfaces: map('interfaces') }, clock, refuse),
    addresses: await AddressTable.open(addressMaps, clock, refuse),
    prefixes: await PrefixTable.open({ 4: map('prefixes_v4'), 6: map('prefixes_v6') }, clock, refuse),
    nodes: await NodeTable.open({ nodes: map('nodes'), slots: map('node_slots'), ranges: map('pod_ranges') }, clock, refuse),
    policies: PolicyTable.open(policyMaps, clock, refuse),
    appliedIdentities: new AppliedIdentities(map('applied_identities')),
  };
}
