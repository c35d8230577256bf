import { join } from 'node:path';
import { type BpfMap, BpfObject, type BpfProgram } from '@myelin/bpf-native';
import { type BenchNode, contextOf, type NodePod } from './node.ts';

const objectFile = join(import.meta.dirname, '..', '..', 'build', 'wrapper.bpf.o');

/** What every run begins with; programs of bpf/wrapper.bpf.c. */
export type WrapperProgram = 'same_packet' | 'arriving_packet' | 'varied_packets' | 'unknown_flow' | 'undecided_flow';

/** Global variables of bpf/wrapper.bpf.c, which says what each means. */
export type WrapperVariable =
  | 'headers'
  | 'packets'
  | 'last_flow'
  | 'first_port'
  | 'turned'
  | 'forget_buckets'
  | 'forget_ways'
  | 'forget_owner'
  | 'forget_decisions'
  | 'forget_denial'
  | 'network_id'
  | 'outer_source';

const headerBytes = 64;

/** One measurement's runs: how many packets, on which CPU (absent: any). */
export interface Runs {
  readonly repeat: number;
  readonly cpu?: number;
}

/** A wrapper in the kernel, over the maps of one node. See bpf/wrapper.bpf.c. */
export class Wrapper {
  readonly #object: BpfObject;
  readonly #programs: Readonly<Record<'wrapper' | 'nothing' | 'underTest', BpfProgram>>;
  readonly #slot: BpfMap;
  readonly #bytes: Buffer;
  readonly #variables: BpfMap;

  private constructor(object: BpfObject, program: WrapperProgram, underTest: BpfProgram) {
    this.#object = object;
    this.#programs = { wrapper: object.program(program), nothing: object.program('nothing'), underTest };
    this.#slot = object.map('under_test');
    this.#variables = object.map('wrapper.bss');
    this.#bytes = Buffer.alloc(this.#variables.info.valueSize);
  }

  /** `underTest`: `from_pod` unless told otherwise. */
  static async load(program: WrapperProgram, node: BenchNode, underTest: BpfProgram = node.program): Promise<Wrapper> {
    const object = BpfObject.open(objectFile);
    for (const { name } of object.programs()) object.setAutoload(name, name === program || name === 'nothing');
    for (const { name, internal } of object.maps()) {
      if (internal || name === 'under_test') continue;
      object.setMaxEntries(name, node.map(name).info.maxEntries);
      object.reuseMap(name, node.map(name));
    }
    await object.load();
    return new Wrapper(object, program, underTest);
  }

  /** Gives the wrapper's variables their values; numbers are of 32 bits. */
  set(values: Readonly<Partial<Record<WrapperVariable, number | readonly number[] | Buffer>>>): void {
    for (const { name, map, offset, size } of this.#object.variables()) {
      const value = values[name as WrapperVariable];
      if (value === undefined || map !== this.#variables.info.name) continue;
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(Uint32Array.from([value].flat()).buffer);
      if (bytes.length !== size) throw new RangeError(`${name} has ${size} bytes, not ${bytes.length}`);
      bytes.copy(this.#bytes, offset);
    }
    this.#variables.update(Buffer.alloc(4), this.#bytes);
  }

  /** Nanoseconds per packet that the wrapper takes by itself. */
  async base(pod: NodePod, frame: Buffer, runs: Runs): Promise<number> {
    return this.#run(this.#programs.nothing, pod, frame, runs, 0);
  }

  /** Nanoseconds per packet with the program under test; each has to return `expected`. */
  async real(pod: NodePod, frame: Buffer, runs: Runs, expected: number): Promise<number> {
    return this.#run(this.#programs.underTest, pod, frame, runs, expected);
  }

  async #run(target: BpfProgram, pod: NodePod, frame: Buffer, runs: Runs, expected: number): Promise<number> {
    const fd = Buffer.alloc(4);
    fd.writeUInt32LE(target.fd);
    this.#slot.update(Buffer.alloc(4), fd);
    this.set({ headers: frame.subarray(0, headerBytes) });
    const { returnValue, durationNs } = await this.#programs.wrapper.testRun({ data: frame, context: contextOf(pod), ...runs });
    if (returnValue !== expected) throw new Error(`the program returned ${returnValue} instead of ${expected}`);
    return durationNs;
  }

  close(): void {
    for (const program of [this.#programs.wrapper, this.#programs.nothing]) program.close();
    this.#slot.close();
    this.#variables.close();
    this.#object.close();
  }
}
