import { type Key, reverseKey, tcp, udp } from './flow-keys.ts';
import type { Decision, FlowTable } from './flow-table.ts';

export const flags = { fin: 1, syn: 2, rst: 4, ack: 0x10 } as const;

/** Zones of the two pods that tests talk between. */
export const client = 5;
export const server = 7;
export const host = 0xffff;

/** The client's flow number `n` to the server. */
export function flow(n: number, { protocol = tcp, zone = client } = {}): Key {
  return { from: 1, to: 2, fromPort: 1000 + n, toPort: 80, zone, protocol };
}

/** Opens a flow as the slow path does for a first packet. */
export function openFlow(table: FlowTable, key: Key, decision: Partial<Decision> = {}) {
  const tcpFlags = key.protocol === tcp ? flags.syn : 0;
  return table.open(key, { target: server, decided: 1, tcpFlags, ...decision });
}

/** Takes a flow to `established`: opened, answered, acknowledged. */
export async function establish(table: FlowTable, key: Key, decision: Partial<Decision> = {}): Promise<number> {
  const { stored } = await openFlow(table, key, decision);
  if (stored !== 0) return stored;
  const isTcp = key.protocol === tcp;
  await table.pass(reverseKey(key, decision.target ?? server), { tcpFlags: isTcp ? flags.syn | flags.ack : 0 });
  await table.pass(key, { tcpFlags: isTcp ? flags.ack : 0 });
  return stored;
}

/** A flow of every class that ranks below established, by name. */
export const openers: Readonly<Record<string, (table: FlowTable, key: Key) => Promise<unknown>>> = {
  negative: (table, key) => table.deny(key, { target: server, reason: 133, decided: 1 }),
  closing: async (table, key) => {
    await openFlow(table, key);
    await table.pass(key, { tcpFlags: flags.rst });
  },
  'half-open': (table, key) => openFlow(table, key),
  'one-way': (table, key) => openFlow(table, { ...key, protocol: udp }),
};
