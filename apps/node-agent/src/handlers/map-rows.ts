import { type Address, formatAddress, formatPrefix } from '@myelin/address';
import type { ReadMapResponse } from '@myelin/contracts/agent';
import type { Datapath } from '@myelin/datapath';
import type { KernelServices } from '@myelin/loadbalancing';
import { MyelinError } from '@myelin/rpc';

/** Tables that are shown row by row. */
export type ShownTables = Pick<Datapath, 'endpoints' | 'addresses' | 'nodes' | 'prefixes' | 'services'>;

/** A table as people read it: as the kernel holds it, in no order. */
interface ShownMap {
  readonly columns: readonly string[];
  rows(tables: ShownTables): readonly (readonly string[])[] | Promise<readonly (readonly string[])[]>;
}

const list = (addresses: readonly Address[]) => addresses.map(formatAddress).join(',') || '-';
const yes = (value: boolean) => (value ? 'yes' : 'no');

function backendRows({ backends }: KernelServices): readonly (readonly string[])[] {
  return [...backends].map(([index, { pool, address, port, state }]) => [`${pool}`, `${index}`, address, `${port}`, state]);
}

const maps: Readonly<Record<string, ShownMap>> = {
  endpoints: {
    columns: ['slot', 'ifindex', 'identity', 'subject', 'addresses', 'mac', 'ready'],
    rows: ({ endpoints }) =>
      endpoints
        .entries()
        .map(({ slot, ifindex, identity, subject, addresses, mac, ready }) => [
          `${slot}`,
          `${ifindex}`,
          `${identity}`,
          `${subject}`,
          list(addresses),
          mac,
          yes(ready),
        ]),
  },
  addresses: {
    columns: ['address', 'identity', 'slot', 'node'],
    rows: async ({ addresses }) =>
      (await addresses.entries()).map(([address, { identity, slot, node }]) => [
        formatAddress(address),
        `${identity}`,
        `${slot}`,
        `${node}`,
      ]),
  },
  prefixes: {
    columns: ['prefix', 'identity', 'class'],
    rows: ({ prefixes }) =>
      prefixes.entries().map(({ prefix, identity, peerClass }) => [formatPrefix(prefix), `${identity}`, `${peerClass}`]),
  },
  frontends: {
    columns: ['address', 'port', 'protocol', 'pool'],
    rows: async ({ services }) =>
      [...(await services.read()).frontends.values()].map(({ key: { address, port, protocol }, pool }) => [
        address,
        `${port}`,
        protocol ?? '-',
        pool === 0 ? '-' : `${pool}`,
      ]),
  },
  pools: {
    columns: ['pool', 'first', 'room', 'usable', 'table', 'affinity'],
    rows: async ({ services }) => {
      const { pools, tables } = await services.read();
      return [...pools].map(([number, { first, room, usable, affinitySeconds }]) => [
        `${number}`,
        `${first}`,
        `${room}`,
        `${usable}`,
        yes(tables.has(number)),
        affinitySeconds === 0 ? '-' : `${affinitySeconds} s`,
      ]);
    },
  },
  backends: {
    columns: ['pool', 'row', 'address', 'port', 'state'],
    rows: async ({ services }) => backendRows(await services.read()),
  },
};

/** Names of the tables that can be shown. */
export const shownMaps: readonly string[] = Object.keys(maps);

/** Rows of one message. */
const rowsAtATime = 1000;

/** A table as the kernel holds it: the first message has the columns. Throws `invalid_argument` for a name that none has. */
export async function* readMap(name: string, tables: ShownTables): AsyncGenerator<ReadMapResponse> {
  const map = Object.hasOwn(maps, name) ? maps[name] : undefined;
  if (map === undefined) throw new MyelinError('invalid_argument', `there is no map "${name}" to show: expected ${shownMaps.join(', ')}`);
  const rows = [...(await map.rows(tables))];
  yield { columns: [...map.columns], rows: messages(rows.slice(0, rowsAtATime)) };
  for (let at = rowsAtATime; at < rows.length; at += rowsAtATime) yield { columns: [], rows: messages(rows.slice(at, at + rowsAtATime)) };
}

const messages = (rows: readonly (readonly string[])[]) => rows.map((cells) => ({ cells: [...cells] }));
