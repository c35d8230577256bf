import { address as addressOfText, formatAddress, fromBytes, toBytes } from '@myelin/address';
import {
  backendState,
  frontend4KeyCodec,
  frontend6KeyCodec,
  poolMemberKeyCodec,
  type ServiceBackend,
  type ServicePool,
  serviceBackendCodec,
  servicePoolCodec,
  TABLE_BLOCK,
} from '@myelin/datapath-layout';
import type { BackendRow, FrontendKey, PoolRow } from '@myelin/loadbalancing';

/*
 * Rows of libs/loadbalancing as bytes (bpf/include/types/service.h), and back.
 */

export type Family = 4 | 6;

const protocols = { TCP: 6, UDP: 17 } as const;
const states = { ready: backendState.BACKEND_READY, terminating: backendState.BACKEND_TERMINATING, unready: backendState.BACKEND_UNREADY };

/** Key in the map of its family. */
export function frontendBytes({ address, port, protocol }: FrontendKey): { readonly family: Family; readonly key: Buffer } {
  const of = addressOfText(address);
  const rest = { port, protocol: protocol === null ? 0 : protocols[protocol] };
  if (of.family === 6) return { family: 6, key: frontend6KeyCodec.encode({ address: toBytes(of), ...rest }) };
  return { family: 4, key: frontend4KeyCodec.encode({ address: Buffer.from(toBytes(of, 4)).readUInt32BE(), ...rest }) };
}

export function frontendKeyOf(family: Family, key: Buffer): FrontendKey {
  const { port, protocol } = family === 4 ? frontend4KeyCodec.read(key) : frontend6KeyCodec.read(key);
  const named = Object.entries(protocols).find(([, number]) => number === protocol)?.[0] as keyof typeof protocols | undefined;
  return { address: formatAddress(fromBytes(Uint8Array.from(key.subarray(0, family === 4 ? 4 : 16)))), port, protocol: named ?? null };
}

/** `positions`: size of the pool's table; 0 where it has none. */
export function poolBytes({ first, room, usable, only, affinitySeconds }: PoolRow, positions: number): Buffer {
  return servicePoolCodec.encode({ first, room, usable, positions, affinitySeconds, only });
}

/** Null: the number is not in use. */
export function poolRowOf({ first, room, usable, only, affinitySeconds }: ServicePool): PoolRow | null {
  return room === 0 ? null : { first, room, usable, only, affinitySeconds };
}

export function backendBytes({ address, port, state }: BackendRow, pool: number): Buffer {
  return serviceBackendCodec.encode({ address: toBytes(addressOfText(address)), port, state: states[state], pool });
}

/** Null: the row is empty. */
export function backendRowOf({ address, port, state, pool }: ServiceBackend): (BackendRow & { readonly pool: number }) | null {
  const named = Object.entries(states).find(([, number]) => number === state)?.[0] as keyof typeof states | undefined;
  return named === undefined ? null : { address: formatAddress(fromBytes(address)), port, state: named, pool };
}

export function memberKey(pool: number, { address, port }: Pick<BackendRow, 'address' | 'port'>): Buffer {
  return poolMemberKeyCodec.encode({ pool, port, address: toBytes(addressOfText(address)) });
}

/** A table as its blocks lie in memory, in this machine's byte order; what is beyond the last position is zero. */
export function tableBytes(table: Uint16Array): Buffer {
  const bytes = Buffer.alloc(blocksOf(table.length) * TABLE_BLOCK * 2);
  bytes.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength));
  return bytes;
}

/** Blocks that so many positions take. */
export function blocksOf(positions: number): number {
  return Math.ceil(positions / TABLE_BLOCK);
}
