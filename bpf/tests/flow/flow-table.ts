import { join } from 'node:path';
import { type BpfMap, BpfObject, type BpfProgram } from '@myelin/bpf-native';
import { type FlowAction, type FlowShares, flowActionCodec, flowSharesCodec } from '@myelin/datapath-layout';
import { type DumpedBucket, type DumpedEntry, dumpBuckets, type Family, keySizes } from './bucket-dump.ts';
import { encodeKey, type Key, keyRoom } from './flow-keys.ts';

/** `enum command_kind` of flow-table.bpf.c. */
const kinds = { find: 0, pass: 1, open: 2, deny: 3, expire: 4, age: 5, places: 6, count: 7, take: 8, current: 9 } as const;

/** Offsets in its `struct command`. */
const at = {
  key: 0,
  decision: 40,
  number: 120,
  kind: 128,
  family: 132,
  index: 136,
  tcpFlags: 140,
  bytes: 144,
  epochs: 148,
  result: 164,
  signal: 168,
  accounted: 172,
  action: 176,
  counter: 200,
  places: 208,
  ends4: 224,
  ends6: 336,
} as const;
const commandSize = 496;

/** What the slow path says of a flow (struct flow_decision); what is absent is 0. */
export interface Decision {
  readonly target: number;
  readonly decided?: number;
  readonly identity?: number;
  readonly egressOrigin?: number;
  readonly ingressOrigin?: number;
  readonly bytes?: number;
  readonly reason?: number;
  readonly tcpFlags?: number;
  /** The packet in hand is a reply. */
  readonly reply?: boolean;
  readonly flags?: number;
}

/** An entry that had to go. */
export interface Ended {
  readonly action: FlowAction;
  readonly packets: number;
  readonly bytes: number;
  readonly key: Buffer;
}

export interface FoundEntry {
  readonly action: FlowAction;
  readonly packets: number;
  readonly bytes: number;
}

export interface TableSize {
  readonly family: Family;
  readonly buckets?: number;
  readonly youngShare?: number;
  readonly establishedShare?: number;
}

interface EntryArguments {
  readonly tcpFlags?: number;
  readonly bytes?: number;
  readonly number?: bigint;
  readonly epochs?: readonly number[];
}

/** A flow table of its own in the kernel, and its functions one by one. Time stands still in it but for {@link FlowTable.age}. */
export class FlowTable {
  readonly family: Family;
  readonly #object: BpfObject;
  readonly #variables: Readonly<Record<string, number>>;
  readonly #ofEntry: BpfProgram;
  readonly #ofTable: BpfProgram;
  readonly #commands: BpfMap;
  readonly #flows: BpfMap;
  readonly #shares: BpfMap;

  private constructor(object: BpfObject, family: Family, variables: Readonly<Record<string, number>>) {
    this.family = family;
    this.#variables = variables;
    this.#object = object;
    this.#ofEntry = object.program('of_entry');
    this.#ofTable = object.program('of_table');
    this.#commands = object.map('commands');
    this.#flows = object.map(family === 4 ? 'flows_v4' : 'flows_v6');
    this.#shares = object.map('flow_shares');
  }

  /** Two buckets: every key may lie in both, and sixteen entries fill the table. */
  static async load({ family, buckets = 2, youngShare = 1000, establishedShare = 1000 }: TableSize): Promise<FlowTable> {
    const object = BpfObject.open(join(import.meta.dirname, '..', '..', 'build', 'flow-table.o'));
    const variables = {
      flow_mask4: buckets - 1,
      flow_mask6: buckets - 1,
      flow_young_share: youngShare,
      flow_established_share: establishedShare,
      // A tick is more than an hour: no test sees one by chance.
      flow_tick_shift: 20,
    };
    for (const [name, value] of Object.entries(variables)) object.setVariable(name, u32(value));
    object.setMaxEntries('flows_v4', buckets);
    object.setMaxEntries('flows_v6', buckets);
    await object.load();
    return new FlowTable(object, family, variables);
  }

  /** Makes another object that is not loaded yet work on this table. */
  lendTo(object: BpfObject): void {
    for (const [name, value] of Object.entries(this.#variables)) {
      if (object.variables().some((variable) => variable.name === name)) object.setVariable(name, u32(value));
    }
    for (const name of ['flows_v4', 'flows_v6', 'flow_shares']) {
      const map = this.#object.map(name);
      object.setMaxEntries(name, map.info.maxEntries);
      object.reuseMap(name, map);
    }
  }

  /** Empties the table, as no user of it ever does. */
  reset(): void {
    for (let index = 0; index < this.#flows.info.maxEntries; index++)
      this.#flows.update(u32(index), Buffer.alloc(this.#flows.info.valueSize));
    this.#shares.update(u32(0), Buffer.alloc(this.#shares.info.valueSize));
  }

  close(): void {
    this.#object.close();
  }

  async find(key: Key): Promise<FoundEntry | null> {
    return foundIn(await this.#entryCommand(kinds.find, key));
  }

  /** A packet's way on the hit path; null when there is no entry. */
  async pass(key: Key, { tcpFlags = 0, bytes = 100 } = {}): Promise<{ signal: number; accounted: number; before: FoundEntry } | null> {
    const command = await this.#entryCommand(kinds.pass, key, { tcpFlags, bytes });
    const before = foundIn(command);
    return before && { signal: command.readUInt32LE(at.signal), accounted: command.readUInt32LE(at.accounted), before };
  }

  /** 0: stored. `ended`: what had to go, for the original direction and for the reply. */
  async open(key: Key, decision: Decision): Promise<{ stored: number; ended: (Ended | null)[] }> {
    return this.#decide(kinds.open, key, decision);
  }

  async deny(key: Key, decision: Decision): Promise<{ stored: number; ended: (Ended | null)[] }> {
    return this.#decide(kinds.deny, key, decision);
  }

  /** One thing that is due in a bucket: 0 nothing, 1 expired, 2 quiet. */
  async expire(index: number): Promise<{ what: number; ended: Ended | null }> {
    const command = await this.#tableCommand(kinds.expire, Buffer.alloc(keyRoom), (buffer) => buffer.writeUInt32LE(index, at.index));
    return { what: command.readInt32LE(at.result), ended: this.#endedAt(command, 0) };
  }

  /** The entry's last packet becomes so many ticks older. */
  async age(key: Key, ticks: number): Promise<void> {
    await this.#entryCommand(kinds.age, key, { number: BigInt(ticks) });
  }

  /** Adds to the entry's counter. */
  async count(key: Key, packets: number, bytes: number): Promise<void> {
    await this.#entryCommand(kinds.count, key, { number: (BigInt(packets) << 40n) + BigInt(bytes) });
  }

  /** Takes the entry's counts out of it. */
  async take(key: Key): Promise<{ packets: number; bytes: number }> {
    return countsOf((await this.#entryCommand(kinds.take, key)).readBigUInt64LE(at.counter));
  }

  /** Whether the entry was decided after these epochs. */
  async isCurrent(key: Key, epochs: readonly [number, number, number, number]): Promise<boolean> {
    return (await this.#entryCommand(kinds.current, key, { epochs })).readInt32LE(at.result) === 1;
  }

  /** The programs' own idea of a key's places. */
  async places(key: Key): Promise<{ home: number; second: number; way: number; tag: number }> {
    const command = await this.#tableCommand(kinds.places, encodeKey(key, this.family));
    const [home, second, way, tag] = [0, 4, 8, 12].map((offset) => command.readUInt32LE(at.places + offset));
    return { home: home!, second: second!, way: way!, tag: tag! };
  }

  async dump(): Promise<DumpedBucket[]> {
    const buckets: DumpedBucket[] = [];
    for await (const bucket of dumpBuckets(this.#flows, this.family)) buckets.push(bucket);
    return buckets;
  }

  async entries(): Promise<DumpedEntry[]> {
    return (await this.dump()).flatMap(({ entries }) => entries);
  }

  shares(): FlowShares {
    return flowSharesCodec.read(this.#shares.lookup(u32(0))!);
  }

  async #decide(kind: number, key: Key, decision: Decision): Promise<{ stored: number; ended: (Ended | null)[] }> {
    const command = await this.#tableCommand(kind, encodeKey(key, this.family), (buffer) => writeDecision(buffer, decision));
    return { stored: command.readInt32LE(at.result), ended: [this.#endedAt(command, 0), this.#endedAt(command, 1)] };
  }

  #endedAt(command: Buffer, which: number): Ended | null {
    const size = 40 + keySizes[this.family];
    const start = (this.family === 4 ? at.ends4 : at.ends6) + which * size;
    const action = flowActionCodec.read(command, start + 8);
    return action.class === 0
      ? null
      : { action, ...countsOf(command.readBigUInt64LE(start)), key: command.subarray(start + 40, start + size) };
  }

  async #entryCommand(kind: number, key: Key, { tcpFlags = 0, bytes = 0, number = 0n, epochs = [] }: EntryArguments = {}): Promise<Buffer> {
    return this.#run(this.#ofEntry, kind, encodeKey(key, this.family), (buffer) => {
      buffer.writeUInt32LE(tcpFlags, at.tcpFlags);
      buffer.writeUInt32LE(bytes, at.bytes);
      buffer.writeBigUInt64LE(number, at.number);
      epochs.forEach((epoch, which) => {
        buffer.writeUInt32LE(epoch, at.epochs + which * 4);
      });
    });
  }

  async #tableCommand(kind: number, key: Buffer, fill: (command: Buffer) => void = () => {}): Promise<Buffer> {
    return this.#run(this.#ofTable, kind, key, fill);
  }

  async #run(program: BpfProgram, kind: number, key: Buffer, fill: (command: Buffer) => void): Promise<Buffer> {
    const command = Buffer.alloc(commandSize);
    key.copy(command, at.key);
    command.writeUInt32LE(kind, at.kind);
    command.writeUInt32LE(this.family, at.family);
    fill(command);
    this.#commands.update(u32(0), command);
    const { returnValue } = await program.testRun({ data: Buffer.alloc(64) });
    if (returnValue !== 0) throw new Error(`the program returned ${returnValue}`);
    return this.#commands.lookup(u32(0))!;
  }
}

function writeDecision(buffer: Buffer, decision: Decision): void {
  const start = at.decision;
  buffer.writeUInt32LE(decision.decided ?? 0, start + 16);
  buffer.writeUInt32LE(decision.identity ?? 0, start + 20);
  buffer.writeUInt32LE(decision.egressOrigin ?? 0, start + 24);
  buffer.writeUInt32LE(decision.ingressOrigin ?? 0, start + 28);
  buffer.writeUInt32LE(decision.bytes ?? 100, start + 32);
  buffer.writeUInt16LE(decision.target, start + 36);
  buffer.writeUInt8(decision.reason ?? 0, start + 38);
  buffer.writeUInt8(decision.tcpFlags ?? 0, start + 39);
  buffer.writeUInt8(decision.reply ? 1 : 0, start + 40);
  buffer.writeUInt8(decision.flags ?? 0, start + 41);
}

function foundIn(command: Buffer): FoundEntry | null {
  if (command.readInt32LE(at.result) === 0) return null;
  return { action: flowActionCodec.read(command, at.action), ...countsOf(command.readBigUInt64LE(at.counter)) };
}

function countsOf(counter: bigint): { packets: number; bytes: number } {
  return { packets: Number(counter >> 40n), bytes: Number(counter & 0xff_ffff_ffffn) };
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}
