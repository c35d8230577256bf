import type { BalancedProtocol, EndpointState } from './model.ts';

/*
 * Rows of the maps that the datapath will read, before they are bytes: README, "Maps". Numbers here belong to one node.
 */

/** Key of map `frontends`. Port 0 with no protocol: the address itself, for packets that no frontend of it takes. */
export interface FrontendKey {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  readonly protocol: BalancedProtocol | null;
}

/** Row of map `pools`, by number. */
export interface PoolRow {
  /** Where its backends begin in `backends`: slot s is row `first` + s. */
  readonly first: number;
  /** Rows from `first` on that are the pool's: every slot is less. */
  readonly room: number;
  /** How many backends take new flows. 0: refused (158). 1: slot `only`. More: the pool's table says. */
  readonly usable: number;
  /** Slot of the one usable backend; 0 where there isn't exactly one. */
  readonly only: number;
  /** 0: no affinity. */
  readonly affinitySeconds: number;
}

/** Row of map `backends`: the pool that it belongs to knows protocol and family. */
export interface BackendRow {
  readonly address: string;
  readonly port: number;
  readonly state: EndpointState;
}

/** One write, or one turn of a pool's epoch. */
export type Step =
  /** `pool`: whose row it is, or was. */
  | { readonly map: 'backends'; readonly index: number; readonly pool: number; readonly row: BackendRow | null }
  /** A table anew: slot at each position. Null: no table. */
  | { readonly map: 'tables'; readonly pool: number; readonly table: Uint16Array | null }
  /** Positions of a table that has them. */
  | { readonly map: 'table'; readonly pool: number; readonly slots: ReadonlyMap<number, number> }
  | { readonly map: 'pools'; readonly pool: number; readonly row: PoolRow | null }
  /** Pool 0: an address. */
  | { readonly map: 'frontends'; readonly key: FrontendKey; readonly pool: number | null }
  | { readonly map: 'epochs'; readonly pool: number };

/** What the maps hold: what a node that starts again goes on from. */
export interface KernelServices {
  /** By `keyText`. Pool 0: an address. */
  readonly frontends: ReadonlyMap<string, { readonly key: FrontendKey; readonly pool: number }>;
  /** By number. */
  readonly pools: ReadonlyMap<number, PoolRow>;
  /** Pools that have a table. */
  readonly tables: ReadonlySet<number>;
  /** By row. */
  readonly backends: ReadonlyMap<number, BackendRow & { readonly pool: number }>;
  /** The last writer did not finish: nobody knows what tables hold. */
  readonly interrupted: boolean;
}

/** A frontend key as text: `10.96.0.1:80/TCP`, `10.96.0.1`. */
export function keyText({ address, port, protocol }: FrontendKey): string {
  if (protocol === null) return address;
  return address.includes(':') ? `[${address}]:${port}/${protocol}` : `${address}:${port}/${protocol}`;
}
