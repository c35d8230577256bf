import { programTypes } from './constants.ts';
import { type NativeProgramInfo, native, type ProgramHandle } from './native.ts';

/** Identity and size of a program as the kernel states them. */
export type ProgramInfo = NativeProgramInfo;

/** One `BPF_PROG_TEST_RUN`. */
export interface TestRun {
  /** The packet. Absent for programs without one (type syscall). */
  readonly data?: Uint8Array;
  /** The context handed in: a `struct __sk_buff`, `struct xdp_md`, or what the program takes. */
  readonly context?: Uint8Array;
  /** Room for a packet that grows, bytes beyond `data`; 256 when absent. */
  readonly headroom?: number;
  /** How often to run in a row; the packet is not restored between. Default: once. */
  readonly repeat?: number;
  /** Run on this CPU. Default: wherever the pool's thread happens to be. */
  readonly cpu?: number;
}

/** What came of it. */
export interface TestRunResult {
  /** What the program returned last. */
  readonly returnValue: number;
  /** The packet afterwards. */
  readonly data: Buffer;
  /** The context afterwards, as long as the one handed in; empty without one. */
  readonly context: Buffer;
  /** Mean of the repeats. */
  readonly durationNs: number;
}

/** A program in the kernel. All methods throw {@link BpfError}. */
export class BpfProgram {
  readonly #handle: ProgramHandle;
  readonly #type: number;

  /** For this library: wraps a handle of the addon. */
  constructor(handle: ProgramHandle) {
    this.#handle = handle;
    this.#type = native.programInfo(handle).type;
  }

  /** The program pinned at `path`. `ENOENT`: nothing there; `EINVAL`: not a program. */
  static openPinned(path: string): BpfProgram {
    return new BpfProgram(native.programOpenPinned(path));
  }

  /** The program with this kernel-wide id, as attachments tell it. `ENOENT`: there is none. */
  static openId(id: number): BpfProgram {
    return new BpfProgram(native.programOpenId(id));
  }

  /** For this library: the addon's handle. */
  get handle(): ProgramHandle {
    return this.#handle;
  }

  /** Asked of the kernel at each call. */
  get info(): ProgramInfo {
    return native.programInfo(this.#handle);
  }

  /** The descriptor: the value that a program array takes. */
  get fd(): number {
    return this.info.fd;
  }

  /** Pins the program at `path` on a BPF file system. `EEXIST`: something is there. */
  pin(path: string): void {
    native.programPin(this.#handle, path);
  }

  /** Gives the descriptor back. Every use but another `close()` throws from then on. */
  close(): void {
    native.programClose(this.#handle);
  }

  /** Runs the program off the main thread. Several runs may be under way, each on a thread of libuv's pool (four by default). */
  async testRun({ data, context, headroom = 256, repeat = 0, cpu }: TestRun): Promise<TestRunResult> {
    const dataOut = data === undefined ? null : Buffer.alloc(data.length + headroom);
    // A syscall program's context is written back to where it came from.
    const inPlace = this.#type === programTypes.syscall;
    const contextIn = context === undefined ? null : inPlace ? Buffer.from(context) : context;
    const contextOut = context === undefined || inPlace ? null : Buffer.alloc(context.length);
    const result = await native.programTestRun(this.#handle, data ?? null, dataOut, contextIn, contextOut, repeat, cpu ?? null);
    return {
      returnValue: result.returnValue,
      data: dataOut?.subarray(0, result.dataSize) ?? Buffer.alloc(0),
      context: contextOut?.subarray(0, result.contextSize) ?? Buffer.from(contextIn ?? []),
      durationNs: result.durationNs,
    };
  }
}
