import { join } from 'node:path';
import { BpfObject, type BpfProgram } from '@myelin/bpf-native';
import type { Sample } from '../statistics.ts';

const objectFile = join(import.meta.dirname, '..', '..', 'build', 'yardstick', 'yardstick.bpf.o');

/** Sizes and packet of yardstick.c, which prints the same unit on its own. */
const flowCount = 131072;
const hostCount = 32768;
const slotCount = 1024;
const measuredFlow = 100000;
const packetBytes = 128;

/** The unit Y: one fixed BPF program, its maps filled as yardstick.c fills them, less a program that does nothing. */
export class Yardstick {
  readonly #program: BpfProgram;
  readonly #nothing: BpfProgram;
  readonly #packet = yardstickPacket();

  private constructor(program: BpfProgram, nothing: BpfProgram) {
    this.#program = program;
    this.#nothing = nothing;
  }

  static async load(): Promise<Yardstick> {
    const object = BpfObject.open(objectFile);
    await object.load();
    await fill(object);
    const yardstick = new Yardstick(object.program('yardstick'), object.program('nothing'));
    object.close();
    return yardstick;
  }

  /** One round, in nanoseconds per packet. */
  async measure(repeat: number, cpu: number): Promise<Sample> {
    const without = await this.#run(this.#nothing, repeat, cpu);
    return { with: await this.#run(this.#program, repeat, cpu), without };
  }

  async #run(program: BpfProgram, repeat: number, cpu: number): Promise<number> {
    await program.testRun({ data: this.#packet, repeat: repeat >> 4, cpu });
    const { returnValue, durationNs } = await program.testRun({ data: this.#packet, repeat, cpu });
    if (returnValue !== 0) throw new Error(`the yardstick returned ${returnValue}`);
    return durationNs;
  }

  close(): void {
    this.#program.close();
    this.#nothing.close();
  }
}

const source = (flow: number) => 0x0a000000 + flow;
const destination = (flow: number) => 0x0a800000 + (flow % hostCount);
const sourcePort = (flow: number) => 1024 + (flow % 60000);

async function fill(object: BpfObject): Promise<void> {
  const flows = { keys: Buffer.alloc(flowCount * 36), values: Buffer.alloc(flowCount * 64) };
  const hosts = Buffer.alloc(hostCount * 16);
  const slots = Buffer.alloc(slotCount * 4);
  for (let flow = 0; flow < flowCount; flow++) {
    flows.keys.writeUInt32BE(source(flow), flow * 36 + 12);
    flows.keys.writeUInt32BE(destination(flow), flow * 36 + 28);
    flows.keys.writeUInt16BE(sourcePort(flow), flow * 36 + 32);
    flows.keys.writeUInt16BE(80, flow * 36 + 34);
    flows.values.writeUInt32LE(flow % slotCount, flow * 64);
    if (flow < hostCount) hosts.writeUInt32BE(destination(flow), flow * 16 + 12);
    if (flow < slotCount) slots.writeUInt32LE(flow, flow * 4);
  }
  for (const [name, keys, values] of [
    ['flows', flows.keys, flows.values],
    ['hosts', hosts, Buffer.alloc(hostCount * 32)],
    ['slots', slots, Buffer.alloc(slotCount * 32)],
  ] as const) {
    const map = object.map(name);
    await map.updateBatch(keys, values);
    map.close();
  }
}

function yardstickPacket(): Buffer {
  const packet = Buffer.alloc(packetBytes);
  packet.writeUInt16BE(0x0800, 12);
  packet.writeUInt8(0x45, 14);
  packet.writeUInt8(6, 23);
  packet.writeUInt32BE(source(measuredFlow), 26);
  packet.writeUInt32BE(destination(measuredFlow), 30);
  packet.writeUInt16BE(sourcePort(measuredFlow), 34);
  packet.writeUInt16BE(80, 36);
  return packet;
}
