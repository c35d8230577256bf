import { address, toBytes } from '@myelin/address';
import { BpfMap, type BpfObject, mapTypes } from '@myelin/bpf-native';
import {
  backendState,
  frontend4KeyCodec,
  frontend6KeyCodec,
  frontendCodec,
  poolMemberCodec,
  poolMemberKeyCodec,
  serviceBackendCodec,
  servicePoolCodec,
  TABLE_BLOCK,
  tableBlockCodec,
} from '@myelin/datapath-layout';
import { protocols } from '../packets/ip.ts';
import { integerKey, TestMap } from './test-map.ts';

/** Rows of each pool, and positions of its table. */
const room = 16;
const positions = 251;
const innerMapFlag = 0x1000;

/** Who answers. */
export interface Backend {
  readonly address: string;
  readonly port: number;
  /** Default: ready. */
  readonly state?: 'ready' | 'terminating' | 'unready';
}

/** One port of a service. */
export interface ServiceSpec {
  /** Number of its pool. */
  readonly pool: number;
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly backends: readonly Backend[];
  readonly affinitySeconds?: number;
}

const states = { ready: backendState.BACKEND_READY, terminating: backendState.BACKEND_TERMINATING, unready: backendState.BACKEND_UNREADY };

/** The agent's part where services are concerned: pools of at most 16 backends. */
export class Services {
  readonly #frontends: Readonly<Record<4 | 6, TestMap>>;
  readonly #pools: TestMap;
  readonly #backends: TestMap;
  readonly #members: TestMap;
  readonly #tables: BpfMap;
  readonly #affinities: BpfMap;
  readonly #turn: (change: () => void) => void;
  readonly #slots = new Map<number, string[]>();

  /** `turn`: one turn of the clock, with the epochs of all addresses. */
  constructor(object: BpfObject, turn: (change: () => void) => void) {
    const map = (name: string) => new TestMap(object.map(name));
    this.#frontends = { 4: map('frontends_v4'), 6: map('frontends_v6') };
    this.#pools = map('service_pools');
    this.#backends = map('service_backends');
    this.#members = map('pool_members');
    this.#tables = object.map('service_tables');
    this.#affinities = object.map('affinities');
    this.#turn = turn;
  }

  /** Writes a service as it is to be. A backend that was there before keeps its slot. */
  set({ pool, address: at, port, protocol, backends, affinitySeconds = 0 }: ServiceSpec): void {
    const slots = this.#slots.get(pool) ?? [];
    const nameOf = (backend: Backend) => `${backend.address} ${backend.port}`;
    const names = backends.map(nameOf);
    this.#turn(() => {
      for (const [slot, name] of slots.entries()) if (!names.includes(name)) slots[slot] = '';
      for (const name of names) if (!slots.includes(name)) slots[slots.includes('') ? slots.indexOf('') : slots.length] = name;
      this.#slots.set(pool, slots);
      for (let slot = 0; slot < room; slot++) this.#clear(pool, slot);
      for (const backend of backends) this.#writeBackend(pool, slots.indexOf(nameOf(backend)), backend);
      const ready = backends.filter(({ state = 'ready' }) => state === 'ready');
      const usable = ready.length > 0 ? ready : backends.filter(({ state }) => state === 'terminating');
      const usableSlots = usable.map((backend) => slots.indexOf(nameOf(backend)));
      if (usable.length > 1) this.#writeTable(pool, usableSlots);
      const row = { first: pool * room, room, usable: usable.length, positions, affinitySeconds, only: usableSlots[0] ?? 0 };
      this.#pools.write(integerKey(pool), servicePoolCodec.encode(row));
      this.#writeFrontend(at, 0, 0, 0);
      this.#writeFrontend(at, port, protocols[protocol], pool);
    });
  }

  /** Takes the frontend away; its address stays one. */
  removeFrontend({ address: at, port, protocol }: ServiceSpec): void {
    this.#turn(() => {
      const { family, key } = keyOf(at, port, protocols[protocol]);
      this.#frontends[family].remove(key);
    });
  }

  reset(): void {
    for (const table of [this.#frontends[4], this.#frontends[6], this.#pools, this.#backends, this.#members]) table.reset();
    for (const key of [...this.#affinities.keys()]) this.#affinities.delete(key);
    this.#slots.clear();
  }

  #writeFrontend(at: string, port: number, protocol: number, pool: number): void {
    const { family, key } = keyOf(at, port, protocol);
    this.#frontends[family].write(key, frontendCodec.encode({ pool }));
  }

  #writeBackend(pool: number, slot: number, { address: at, port, state = 'ready' }: Backend): void {
    const bytes = toBytes(address(at));
    const row = pool * room + slot;
    this.#backends.write(integerKey(row), serviceBackendCodec.encode({ address: bytes, port, state: states[state], pool }));
    this.#members.write(poolMemberKeyCodec.encode({ pool, port, address: bytes }), poolMemberCodec.encode({ row }));
  }

  #clear(pool: number, slot: number): void {
    const key = integerKey(pool * room + slot);
    const before = serviceBackendCodec.read(this.#backends.read(key));
    if (before.state === backendState.BACKEND_NONE) return;
    this.#members.remove(poolMemberKeyCodec.encode({ pool, port: before.port, address: before.address }));
    this.#backends.write(key, Buffer.alloc(serviceBackendCodec.size));
  }

  /** Each slot in turn. */
  #writeTable(pool: number, slots: readonly number[]): void {
    const blocks = Math.ceil(positions / TABLE_BLOCK);
    const spec = { keySize: 4, valueSize: tableBlockCodec.size, maxEntries: blocks, flags: innerMapFlag };
    const table = BpfMap.create({ type: mapTypes.array, name: 'table', ...spec });
    for (let at = 0; at < blocks; at++) {
      const values = Array.from({ length: TABLE_BLOCK }, (_, place) => slots[(at * TABLE_BLOCK + place) % slots.length]!);
      table.update(integerKey(at), tableBlockCodec.encode({ slots: values }));
    }
    this.#tables.update(integerKey(pool), integerKey(table.fd));
    table.close();
  }
}

function keyOf(text: string, port: number, protocol: number): { readonly family: 4 | 6; readonly key: Buffer } {
  const at = address(text);
  if (at.family === 6) return { family: 6, key: frontend6KeyCodec.encode({ address: toBytes(at), port, protocol }) };
  return { family: 4, key: frontend4KeyCodec.encode({ address: Buffer.from(toBytes(at, 4)).readUInt32BE(), port, protocol }) };
}
