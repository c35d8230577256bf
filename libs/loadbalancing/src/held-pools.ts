import type { Family } from '@myelin/address';
import type { BalancedProtocol } from './model.ts';
import type { NumberedPool } from './numbered-pool.ts';
import type { BackendRow, KernelServices, PoolRow } from './rows.ts';
import { type Backend, backendName, type Frontend, frontendName, type Pool } from './state.ts';

/** Rows that a node is to have: all of them. */
export interface WantedRows {
  /** ClusterIPs of Services. */
  readonly addresses: readonly string[];
  readonly frontends: readonly Frontend[];
  readonly pools: readonly Pool[];
}

/** What a frontend's pool is about, whatever it is called. */
interface About {
  readonly protocol: BalancedProtocol;
  readonly family: Family;
}

/**
 * The pools that the maps hold, by name. The maps have numbers only: a pool is who is wanted where its frontend leads; of two that are wanted for it the first. A pool that nobody knows any more gets a name that no
 * Service can have, so that it is taken away.
 */
export function heldPools(held: KernelServices, wanted: WantedRows): ReadonlyMap<string, NumberedPool> {
  const wantedPools = new Map(wanted.pools.map((pool) => [pool.name, pool]));
  const names = new Map<number, Pool>();
  const taken = new Set<string>();
  for (const frontend of wanted.frontends) {
    const number = held.frontends.get(frontendName(frontend))?.pool ?? 0;
    const pool = wantedPools.get(frontend.pool);
    if (number === 0 || pool === undefined || names.has(number) || taken.has(pool.name)) continue;
    names.set(number, pool);
    taken.add(pool.name);
  }
  const rows = rowsByPool(held);
  const numbered = [...held.pools].map(([number, row]) => {
    const like = names.get(number) ?? { ...aboutOf(number, held), name: `#${number}`, service: { namespace: '', name: '' } };
    return numberedPool(number, row, like, rows.get(number) ?? []);
  });
  return new Map(numbered.map((one) => [one.pool.name, one]));
}

/** Backends by the pool that they say they belong to, each with its index. */
function rowsByPool({ backends }: KernelServices): ReadonlyMap<number, readonly (readonly [number, BackendRow])[]> {
  const rows = new Map<number, (readonly [number, BackendRow])[]>();
  for (const [index, row] of backends) {
    const list = rows.get(row.pool);
    if (list === undefined) rows.set(row.pool, [[index, row]]);
    else list.push([index, row]);
  }
  return rows;
}

function numberedPool(
  number: number,
  { first, room, affinitySeconds }: PoolRow,
  like: Pick<Pool, 'name' | 'service' | keyof About>,
  rows: readonly (readonly [number, BackendRow])[],
): NumberedPool {
  const { name, service, protocol, family } = like;
  const own = rows.filter(([index]) => index >= first && index < first + room);
  const backends = own.map(([, { address, port, state }]): Backend => ({ address, port, state, weight: 1, node: null }));
  const pool: Pool = { name, service, protocol, family, affinitySeconds: affinitySeconds === 0 ? null : affinitySeconds, backends };
  const named = own.map(([index], at) => [backendName(pool, backends[at]!), index - first] as const);
  const inOrder = backends.toSorted((a, b) => (backendName(pool, a) < backendName(pool, b) ? -1 : 1));
  return { pool: { ...pool, backends: inOrder }, number, slots: new Map(named), first, room };
}

/** Of a pool that nobody knows: as its frontends have it. */
function aboutOf(number: number, { frontends }: KernelServices): About {
  const key = [...frontends.values()].find(({ pool }) => pool === number)?.key;
  return { protocol: key?.protocol ?? 'TCP', family: key?.address.includes(':') ? 6 : 4 };
}

/** Whether the maps need no write for one to become the other. */
export function sameRows(a: Pool, b: Pool): boolean {
  return (
    a.affinitySeconds === b.affinitySeconds &&
    a.backends.length === b.backends.length &&
    a.backends.every((one, index) => {
      const other = b.backends[index]!;
      return one.address === other.address && one.port === other.port && one.state === other.state && one.weight === other.weight;
    })
  );
}
