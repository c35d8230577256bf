import { join } from 'node:path';
import { type BpfMap, BpfObject, type BpfProgram, perCpuSlots } from '@myelin/bpf-native';
import { flowClass, flowSharesCodec } from '@myelin/datapath-layout';
import { faultsAtRest } from './audit.ts';
import { type DumpedBucket, type DumpedEntry, dumpBuckets, type Family } from './bucket-dump.ts';

/** `enum flow_fault`: what of the table's protection to take out. */
export const faults = { none: 0, recheck: 1, lock: 2, postCheck: 3 } as const;

/** The fields of `struct stress_counts`, in order. */
const countNames = [
  'hits',
  'stored',
  'refused',
  'denied',
  'followed',
  'expired',
  'countedPackets',
  'countedBytes',
  'toldPackets',
  'toldBytes',
  'torn',
  'misdelivered',
  'twice',
  'overdrawn',
] as const;
export type Counts = Readonly<Record<(typeof countNames)[number], number>>;

/** What the attack has found so far. */
export interface Findings {
  readonly counts: Counts;
  /** Entries that a reader under the lock saw, and how many of them contradicted themselves. */
  readonly dumped: number;
  readonly dumpedTorn: number;
  /** What was wrong each time that everything stood still. */
  readonly atRest: readonly string[];
  /** Packets and bytes counted into the table but neither told at an entry's end nor still in it. */
  readonly lostPackets: number;
  readonly lostBytes: number;
}

export interface AttackOptions {
  readonly family: Family;
  readonly fault?: number;
  readonly buckets?: number;
  readonly flows?: number;
  readonly youngShare?: number;
  readonly establishedShare?: number;
}

/** A small flow table of its own in the kernel, and programs that attack it from two processors. */
export class Attack {
  readonly #family: Family;
  readonly #object: BpfObject;
  readonly #program: BpfProgram;
  readonly #flows: BpfMap;
  readonly #shares: BpfMap;
  readonly #counts: BpfMap;
  readonly #atRest: string[] = [];
  #dumped = 0;
  #dumpedTorn = 0;
  #lostPackets = 0;
  #lostBytes = 0;

  private constructor(object: BpfObject, family: Family) {
    this.#family = family;
    this.#object = object;
    this.#program = object.program(`attack${family}`);
    this.#flows = object.map(`flows_v${family}`);
    this.#shares = object.map('flow_shares');
    this.#counts = object.map('stress_counts');
  }

  /** Four buckets and 48 entries that compete for their 32 ways, by default. */
  static async load({
    family,
    fault = faults.none,
    buckets = 4,
    flows = 24,
    youngShare = 20,
    establishedShare = 20,
  }: AttackOptions): Promise<Attack> {
    const object = BpfObject.open(join(import.meta.dirname, '..', '..', 'build', 'flow-stress.o'));
    const variables = {
      stress_fault: fault,
      stress_flows: flows,
      flow_mask4: buckets - 1,
      flow_mask6: buckets - 1,
      flow_young_share: youngShare,
      flow_established_share: establishedShare,
    };
    for (const [name, value] of Object.entries(variables)) object.setVariable(name, u32(value));
    object.setMaxEntries('flows_v4', buckets);
    object.setMaxEntries('flows_v6', buckets);
    object.setAutoload('attack4', family === 4);
    object.setAutoload('attack6', family === 6);
    await object.load();
    return new Attack(object, family);
  }

  close(): void {
    this.#object.close();
  }

  /** Attacks from two processors at once, with a reader under the locks beside, then looks at the table at rest. */
  async round(runsEach: number): Promise<void> {
    let attacking = true;
    const attackers = Promise.all([0, 1].map((cpu) => this.#program.testRun({ data: Buffer.alloc(64), repeat: runsEach, cpu })));
    attackers.then(
      () => {
        attacking = false;
      },
      () => {
        attacking = false;
      },
    );
    while (attacking) {
      for (const { entries } of await this.#dump()) this.#checkDumped(entries);
    }
    for (const { returnValue } of await attackers) if (returnValue !== 0) throw new Error(`the attack returned ${returnValue}`);
    await this.#lookAtRest();
  }

  findings(): Findings {
    return {
      counts: this.#readCounts(),
      dumped: this.#dumped,
      dumpedTorn: this.#dumpedTorn,
      atRest: this.#atRest,
      lostPackets: this.#lostPackets,
      lostBytes: this.#lostBytes,
    };
  }

  async #dump(): Promise<DumpedBucket[]> {
    const buckets: DumpedBucket[] = [];
    for await (const bucket of dumpBuckets(this.#flows, this.#family)) buckets.push(bucket);
    return buckets;
  }

  async #lookAtRest(): Promise<void> {
    const buckets = await this.#dump();
    const ways = buckets.flatMap(({ entries, empty }) => [...entries, ...empty]);
    this.#atRest.push(...faultsAtRest(buckets, flowSharesCodec.read(this.#shares.lookup(u32(0))!), this.#family));
    const counts = this.#readCounts();
    this.#lostPackets = counts.countedPackets - counts.toldPackets - sum(ways.map(({ packets }) => packets));
    this.#lostBytes = counts.countedBytes - counts.toldBytes - sum(ways.map(({ bytes }) => bytes));
  }

  #checkDumped(entries: readonly DumpedEntry[]): void {
    for (const entry of entries) {
      this.#dumped++;
      if (!isConsistent(entry)) this.#dumpedTorn++;
    }
  }

  #readCounts(): Counts {
    const value = this.#counts.lookup(u32(0))!;
    const slots = perCpuSlots(value, countNames.length * 8);
    return Object.fromEntries(
      countNames.map((name, field) => [name, sum(slots.map((slot) => Number(slot.readBigUInt64LE(field * 8))))]),
    ) as unknown as Counts;
  }
}

/** As flow-stress.bpf.c derives what an entry says. */
function isConsistent({ action, ingressOrigin, key }: DumpedEntry): boolean {
  const ports = key.subarray(key.length - 8);
  const flow = Math.max(ports.readUInt16LE(0), ports.readUInt16LE(2)) - 1000;
  const { decided } = action;
  const rewrite = action.class === flowClass.FLOW_NEGATIVE ? 133n : 0n;
  return (
    action.identity === Math.imul(decided + Math.imul(flow, 0x01000193), 0x9e3779b1) >>> 0 &&
    action.origin === (Math.imul(decided, 0x85ebca6b) + 1) >>> 0 &&
    ingressOrigin === (Math.imul(decided, 0xc2b2ae35) + 2) >>> 0 &&
    action.rewrite === rewrite
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}
