import { join } from 'node:path';
import { type BpfMap, BpfObject, type BpfProgram, RingBuffer, records } from '@myelin/bpf-native';
import { type Event, eventCodec, flowBucket4Codec, flowBucket6Codec } from '@myelin/datapath-layout';
import { dumpBuckets, type Family } from '../flow/bucket-dump.ts';
import { Counts } from './counts.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { type Pod, Tables } from './tables.ts';
import { integerKey } from './test-map.ts';

const objectFile = join(import.meta.dirname, '..', '..', 'build', 'pod.o');

/** Buckets of each flow table: few, so that emptying them costs nothing. */
const flowBuckets = 64;

const indexes = (count: number) => Buffer.concat(Array.from({ length: count }, (_, index) => integerKey(index)));
const everyBucket = indexes(flowBuckets);
/** Of the map `denials`. */
const everyDenial = indexes(8192);

/** Offsets in `struct __sk_buff` of what a test run may set. */
const contextFields = { size: 192, ingressIfindex: 36, ifindex: 40 } as const;

/** The test run's interface: it has to exist, and its node side plays every pod's in turn. */
const loopback = 1;

/** Where a packet that the node's stack sends to a pod comes from. */
export type Origin = 'host' | 'native';

/** The pod programs in the kernel, with maps that a test fills and packets that it sends. */
export class TestNode {
  readonly tables: Tables;
  readonly #object: BpfObject;
  readonly #programs: { readonly fromPod: BpfProgram; readonly toPod: BpfProgram };
  readonly #flows: readonly { readonly map: BpfMap; readonly empty: Buffer; readonly family: Family }[];
  readonly #shares: BpfMap;
  readonly #denials: BpfMap;
  readonly #counts: Counts;
  readonly #ring: RingBuffer;
  #records: Event[] = [];

  private constructor(object: BpfObject) {
    this.#object = object;
    this.tables = new Tables(object);
    this.#programs = { fromPod: object.program('from_pod'), toPod: object.program('to_pod') };
    this.#flows = [
      { map: object.map('flows_v4'), empty: Buffer.alloc(flowBuckets * flowBucket4Codec.size), family: 4 },
      { map: object.map('flows_v6'), empty: Buffer.alloc(flowBuckets * flowBucket6Codec.size), family: 6 },
    ];
    this.#shares = object.map('flow_shares');
    this.#denials = object.map('denials');
    this.#counts = new Counts(object.map('counters'));
    this.#ring = new RingBuffer(object.map('events'), Buffer.alloc(1 << 20), (batch) => this.#take(batch));
  }

  /** Loads bpf/build/pod.o. `eventBytes`: size of the ring buffer. */
  static async load({ eventBytes = 65536 }: { readonly eventBytes?: number } = {}): Promise<TestNode> {
    const object = BpfObject.open(objectFile);
    // Room for a pod to fill the small table: what shares do is shown in flow-pressure.priv.spec.ts.
    for (const share of ['flow_young_share', 'flow_established_share']) object.setVariable(share, integerKey(1 << 20));
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
    return new TestNode(object);
  }

  /** Forgets everything but the clock: as a node on which nothing has happened yet. */
  reset(): void {
    this.tables.reset();
    for (const { map, empty } of this.#flows) map.updateBatchSync(everyBucket, empty);
    // The shares count the entries that have just gone.
    this.#shares.update(integerKey(0), Buffer.alloc(this.#shares.info.valueSize));
    this.#denials.updateBatchSync(everyDenial, Buffer.alloc(everyDenial.length));
    this.events();
  }

  /** How many entries the flow tables hold. */
  async flowEntries(): Promise<number> {
    let entries = 0;
    for (const { map, family } of this.#flows) for await (const bucket of dumpBuckets(map, family)) entries += bucket.entries.length;
    return entries;
  }

  /** A packet that the pod sends. */
  async fromPod(pod: Pod, packet: Buffer, { repeat = 1 }: { readonly repeat?: number } = {}): Promise<Outcome> {
    return this.#run(this.#programs.fromPod, pod.slot, packet, 0, repeat);
  }

  /** A packet that the node's stack sends to the pod: its own, or one that it forwards. */
  async toPod(pod: Pod, packet: Buffer, from: Origin, { repeat = 1 }: { readonly repeat?: number } = {}): Promise<Outcome> {
    return this.#run(this.#programs.toPod, pod.slot, packet, from === 'native' ? loopback : 0, repeat);
  }

  /** A packet that comes in by an interface of no pod. */
  async fromNobody(packet: Buffer): Promise<Outcome> {
    return this.#run(this.#programs.fromPod, 0, packet, 0, 1);
  }

  /** The records sent since the last call. */
  events(): Event[] {
    this.#take(this.#ring.drain());
    const taken = this.#records;
    this.#records = [];
    return taken;
  }

  close(): void {
    this.#ring.close();
    this.#object.close();
  }

  async #run(program: BpfProgram, slot: number, packet: Buffer, ingressIfindex: number, repeat: number): Promise<Outcome> {
    this.tables.attach(loopback, slot);
    const context = Buffer.alloc(contextFields.size);
    context.writeUInt32LE(ingressIfindex, contextFields.ingressIfindex);
    context.writeUInt32LE(loopback, contextFields.ifindex);
    const before = await this.#counts.read();
    const result = await program.testRun({ data: packet, context, repeat });
    return outcomeOf(result, await this.#counts.since(before), { packets: repeat, bytes: repeat * packet.length }, this.events());
  }

  #take({ count, buffer }: { readonly count: number; readonly buffer: Buffer }): void {
    for (const record of records({ count, buffer })) this.#records.push(eventCodec.read(record));
  }
}
