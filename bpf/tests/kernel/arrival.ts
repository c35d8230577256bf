import { join } from 'node:path';
import { address, toBytes } from '@myelin/address';
import { BpfObject, type BpfProgram } from '@myelin/bpf-native';
import { integerKey } from './test-map.ts';

const objectFile = join(import.meta.dirname, '..', '..', 'build', 'arrival.o');

/** What a packet's outer headers said. */
export interface Outer {
  /** Outer source address; absent: the packet has no outer headers. */
  readonly from?: string;
  /** VXLAN network identifier. */
  readonly networkId: number;
}

/** Gives packets what the tunnel device keeps of their outer headers, then hands them to `from_tunnel` (tests/arrival.bpf.c). */
export class Arrival {
  readonly #object: BpfObject;
  readonly program: BpfProgram;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.program = object.program('arrive');
  }

  static async load(fromTunnel: BpfProgram): Promise<Arrival> {
    const object = BpfObject.open(objectFile);
    await object.load();
    object.map('under_test').update(integerKey(0), integerKey(fromTunnel.fd));
    return new Arrival(object);
  }

  /** Of the packets that are run from now on. */
  set({ from, networkId }: Outer): void {
    const outer = from === undefined ? null : address(from);
    const source = Buffer.alloc(16);
    if (outer !== null) source.set(toBytes(outer, outer.family === 4 ? 4 : 16));
    const values: Readonly<Record<string, Buffer>> = {
      network_id: integerKey(networkId),
      outer_family: integerKey(outer?.family ?? 0),
      outer_source: source,
    };
    const map = this.#object.map('arrival.bss');
    const all = Buffer.alloc(map.info.valueSize);
    for (const { name, offset } of this.#object.variables()) values[name]?.copy(all, offset);
    map.update(integerKey(0), all);
  }

  close(): void {
    this.program.close();
    this.#object.close();
  }
}
