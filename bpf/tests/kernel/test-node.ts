import { join } from 'node:path';
import { type BpfMap, BpfObject, type BpfProgram, RingBuffer, records, type TestRunResult } from '@myelin/bpf-native';
import { Clock, ServiceTables } from '@myelin/datapath';
import { type Event, eventCodec } from '@myelin/datapath-layout';
import { dumpBuckets } from '../flow/bucket-dump.ts';
import { Arrival, type Outer } from './arrival.ts';
import { Counts } from './counts.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { type Pod, Tables } from './tables.ts';
import { integerKey } from './test-map.ts';

const objectFile = (name: string) => join(import.meta.dirname, '..', '..', 'build', `${name}.o`);

/** Buckets of each flow table: few, so that emptying them costs nothing. */
const fewBuckets = 64;

const keysUpTo = (count: number) => Buffer.concat(Array.from({ length: count }, (_, index) => integerKey(index)));

/** Offsets in `struct __sk_buff` of what a test run may set. */
const contextFields = { size: 192, ingressIfindex: 36, ifindex: 40, gsoSize: 176 } as const;

/** The test run's interface: it has to exist, and its node side plays every pod's in turn. */
const loopback = 1;

/** `sweep_turns`: so many turns go once through everything. */
const sweepTurns = 16;

/** Where a packet that the node's stack sends to a pod comes from. */
export type Origin = 'host' | 'native';

/** What of a run's context and number is not as usual. */
interface TestRun {
  /** One of them, so that a run finds what the one before it left in its processor's memory; null: whichever is free. */
  readonly cpu?: number | null;
  readonly ingressIfindex?: number;
  readonly repeat?: number;
  readonly gsoSize?: number;
}

/** The pod programs in the kernel, with maps that a test fills and packets that it sends. */
export class TestNode {
  readonly tables: Tables;
  readonly #object: BpfObject;
  readonly #arrival: Arrival;
  readonly #programs: { readonly fromPod: BpfProgram; readonly toPod: BpfProgram };
  /** What the programs remember of packets, and nothing in it. */
  readonly #memories: readonly { readonly map: BpfMap; readonly keys: Buffer; readonly empty: Buffer }[];
  readonly #shares: BpfMap;
  readonly #counts: Counts;
  readonly #flowBuckets: number;
  #sweeper: BpfObject | null = null;
  #ring: RingBuffer | null = null;
  #records: Event[] = [];

  private constructor(object: BpfObject, arrival: Arrival, isHeard: boolean, flowBuckets: number) {
    this.#object = object;
    this.#flowBuckets = flowBuckets;
    this.#arrival = arrival;
    this.tables = new Tables(object);
    this.#programs = { fromPod: object.program('from_pod'), toPod: object.program('to_pod') };
    this.#memories = ['flows_v4', 'flows_v6', 'denials', 'allowances', 'repeats'].map((name) => {
      const map = object.map(name);
      const { maxEntries, valueSize } = map.info;
      return { map, keys: keysUpTo(maxEntries), empty: Buffer.alloc(maxEntries * valueSize) };
    });
    this.#shares = object.map('flow_shares');
    this.#counts = new Counts(object.map('counters'));
    if (isHeard) this.events();
  }

  /** Loads bpf/build/pod.o. `eventBytes`: size of the ring buffer. Not heard, it fills until `events` is called. */
  static async load({
    eventBytes = 65536,
    isHeard = true,
    clusterId = 0,
    flowBuckets = fewBuckets,
  }: {
    readonly eventBytes?: number;
    readonly isHeard?: boolean;
    readonly clusterId?: number;
    readonly flowBuckets?: number;
  } = {}): Promise<TestNode> {
    const object = BpfObject.open(objectFile('pod'));
    // Room for a pod to fill the small table: what shares do is shown in flow-pressure.priv.spec.ts.
    for (const share of ['flow_young_share', 'flow_established_share']) object.setVariable(share, integerKey(1 << 20));
    object.setVariable('cluster_id', integerKey(clusterId));
    const mask = Buffer.alloc(4);
    mask.writeUInt32LE(flowBuckets - 1);
    for (const [map, variable] of [
      ['flows_v4', 'flow_mask4'],
      ['flows_v6', 'flow_mask6'],
    ] as const) {
      object.setMaxEntries(map, flowBuckets);
      object.setVariable(variable, mask);
    }
    object.setMaxEntries('events', eventBytes);
    await object.load();
    return new TestNode(object, await Arrival.load(object.program('from_tunnel')), isHeard, flowBuckets);
  }

  /** Forgets everything but the clock: as a node on which nothing has happened yet. */
  reset(): void {
    this.tables.reset();
    this.forget();
    if (this.#ring !== null) this.events();
  }

  /** Forgets all flows, and what else it remembers of packets. */
  forget(): void {
    for (const { map, keys, empty } of this.#memories) map.updateBatchSync(keys, empty);
    // The shares count the entries that have just gone.
    this.#shares.update(integerKey(0), Buffer.alloc(this.#shares.info.valueSize));
  }

  /** The agent's own writer of services over these maps. From now on the clock is its: `tables` must not turn any more. */
  async serviceTables(): Promise<ServiceTables> {
    const map = (name: string) => this.#object.map(name);
    const frontends = { 4: map('frontends_v4'), 6: map('frontends_v6') };
    const others = { pools: map('service_pools'), tables: map('service_tables'), backends: map('service_backends') };
    const rest = { members: map('pool_members'), state: map('service_state'), peerEpochs: map('peer_epochs') };
    return ServiceTables.open({ frontends, ...others, ...rest }, new Clock(map('node_state')), (table) => {
      throw new Error(`${table} is full`);
    });
  }

  /** How many entries the flow tables hold. */
  async flowEntries(): Promise<number> {
    let entries = 0;
    for (const family of [4, 6] as const) {
      for await (const bucket of dumpBuckets(this.#object.map(`flows_v${family}`), family)) entries += bucket.entries.length;
    }
    return entries;
  }

  /** Takes the entries out whose packets come in at this zone, as their time might have come before that of the other direction's. */
  async forgetZone(zone: number): Promise<void> {
    for (const family of [4, 6] as const) {
      const map = this.#object.map(`flows_v${family}`);
      for await (const { index, entries } of dumpBuckets(map, family)) {
        for (const { way } of entries.filter((entry) => entry.zone === zone)) {
          const bucket = map.lookup(integerKey(index))!;
          const wayBytes = bucket.length / 8;
          // A way's first eight bytes belong to the bucket; those of way 1 are the tags.
          bucket.fill(0, way * wayBytes + 8, (way + 1) * wayBytes);
          bucket.writeUInt8(0, wayBytes + way);
          map.update(integerKey(index), bucket);
        }
      }
    }
  }

  /** Makes the entries whose packets come in at this zone so many ticks older. */
  async ageZone(zone: number, ticks: number): Promise<void> {
    for (const family of [4, 6] as const) {
      const map = this.#object.map(`flows_v${family}`);
      for await (const { index, entries } of dumpBuckets(map, family)) {
        for (const { way } of entries.filter((entry) => entry.zone === zone)) {
          const bucket = map.lookup(integerKey(index))!;
          // Behind the bucket's bytes and the entry's version.
          const at = (way * bucket.length) / 8 + 12;
          bucket.writeUInt32LE((bucket.readUInt32LE(at) - ticks) >>> 0, at);
          map.update(integerKey(index), bucket);
        }
      }
    }
  }

  /** A packet that the pod sends. */
  async fromPod(
    pod: Pod,
    packet: Buffer,
    { repeat = 1, gsoSize = 0 }: { readonly repeat?: number; readonly gsoSize?: number } = {},
  ): Promise<Outcome> {
    return this.#run(this.#programs.fromPod, pod.slot, packet, { repeat, gsoSize });
  }

  /** Packets that the pod sends, one after the other, held to D7 together: what the program told the kernel of each, and the frame afterwards. */
  async fromPodEach(pod: Pod, packets: readonly Buffer[]): Promise<readonly TestRunResult[]> {
    const results: TestRunResult[] = [];
    await this.#account(packets, 1, async () => {
      for (const packet of packets) results.push(await this.#runProgram(this.#programs.fromPod, pod.slot, packet, {}));
      return results;
    });
    return results;
  }

  /** A packet that the tunnel device took its outer headers off. */
  async fromTunnel(packet: Buffer, outer: Outer): Promise<Outcome> {
    this.#arrival.set(outer);
    return this.#run(this.#arrival.program, 0, packet);
  }

  /** A packet that the node's stack sends to the pod: its own, or one that it forwards. */
  async toPod(pod: Pod, packet: Buffer, from: Origin, { repeat = 1 }: { readonly repeat?: number } = {}): Promise<Outcome> {
    return this.#run(this.#programs.toPod, pod.slot, packet, { ingressIfindex: from === 'native' ? loopback : 0, repeat });
  }

  /** A packet that comes in by an interface of no pod. */
  async fromNobody(packet: Buffer): Promise<Outcome> {
    return this.#run(this.#programs.fromPod, 0, packet);
  }

  /** The same pod's packets from several processors at once, each `repeat` times. */
  async fromPodAtOnce(pod: Pod, packets: readonly Buffer[], { repeat }: { readonly repeat: number }): Promise<Outcome> {
    return this.#account(packets, repeat, () =>
      Promise.all(packets.map((packet) => this.#runProgram(this.#programs.fromPod, pod.slot, packet, { cpu: null, repeat }))),
    );
  }

  /** The records that one sweep through everything sends. */
  async sweep(): Promise<Event[]> {
    this.#sweeper ??= await this.#loadSweeper();
    const program = this.#sweeper.program('sweep_now');
    await program.testRun({ data: Buffer.alloc(64), repeat: sweepTurns });
    program.close();
    return this.events();
  }

  /** The records sent since the last call. */
  events(): Event[] {
    this.#ring ??= new RingBuffer(this.#object.map('events'), Buffer.alloc(1 << 20), (batch) => this.#take(batch));
    this.#take(this.#ring.drain());
    const taken = this.#records;
    this.#records = [];
    return taken;
  }

  close(): void {
    this.#ring?.close();
    this.#sweeper?.close();
    this.#arrival.close();
    this.#object.close();
  }

  #run(program: BpfProgram, slot: number, packet: Buffer, run: TestRun = {}): Promise<Outcome> {
    return this.#account([packet], run.repeat ?? 1, async () => [await this.#runProgram(program, slot, packet, run)]);
  }

  #runProgram(
    program: BpfProgram,
    slot: number,
    packet: Buffer,
    { cpu = 0, ingressIfindex = 0, repeat = 1, gsoSize = 0 }: TestRun,
  ): Promise<TestRunResult> {
    this.tables.attach(loopback, slot);
    const context = Buffer.alloc(contextFields.size);
    context.writeUInt32LE(ingressIfindex, contextFields.ingressIfindex);
    context.writeUInt32LE(loopback, contextFields.ifindex);
    context.writeUInt32LE(gsoSize, contextFields.gsoSize);
    return program.testRun({ data: packet, context, repeat, ...(cpu !== null && { cpu }) });
  }

  async #account(packets: readonly Buffer[], repeat: number, run: () => Promise<readonly TestRunResult[]>): Promise<Outcome> {
    const before = await this.#counts.read();
    const [result] = await run();
    const bytes = packets.reduce((sum, { length }) => sum + repeat * length, 0);
    const counts = await this.#counts.since(before);
    return outcomeOf(result!, counts, { packets: packets.length * repeat, bytes }, this.#ring === null ? null : this.events());
  }

  async #loadSweeper(): Promise<BpfObject> {
    const sweeper = BpfObject.open(objectFile('sweep'));
    for (const { name, internal } of sweeper.maps()) {
      if (internal || name === 'sweepers') continue;
      const map = this.#object.map(name);
      sweeper.setMaxEntries(name, map.info.maxEntries);
      sweeper.reuseMap(name, map);
    }
    for (const variable of ['flow_mask4', 'flow_mask6']) sweeper.setVariable(variable, integerKey(this.#flowBuckets - 1));
    await sweeper.load();
    return sweeper;
  }

  #take({ count, buffer }: { readonly count: number; readonly buffer: Buffer }): void {
    for (const record of records({ count, buffer })) this.#records.push(eventCodec.read(record));
  }
}
