import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfObject } from '../object.ts';
import { mountBpfFileSystem, unmountBpfFileSystem } from '../system.ts';

/** Path of a compiled object of `testdata/`. */
export function testObject(name: string): string {
  return join(import.meta.dirname, '..', '..', 'build', 'testdata', `${name}.bpf.o`);
}

/** `testdata/sample.bpf.c`, opened. */
export function openSample(): BpfObject {
  return BpfObject.open(testObject('sample'));
}

/** The same, loaded after what `prepare` does to it. */
export async function loadSample(prepare: (object: BpfObject) => void = () => {}): Promise<BpfObject> {
  const object = openSample();
  prepare(object);
  await object.load();
  return object;
}

/** A BPF file system of its own on a temporary folder. */
export class PinFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'myelin-pins-'));

  constructor() {
    mountBpfFileSystem(this.path);
  }

  /** Path of a pin in it. */
  pin(name: string): string {
    return join(this.path, name);
  }

  /** Unmounts and removes it, and so all that only its pins held. */
  [Symbol.dispose](): void {
    unmountBpfFileSystem(this.path);
    rmSync(this.path, { recursive: true });
  }
}

/** Little-endian bytes of a 32-bit number, the usual key. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Little-endian bytes of a 64-bit number. */
export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** A packet long enough for a test run: 64 zero bytes. */
export function packet(): Buffer {
  return Buffer.alloc(64);
}
