import type { ServiceTables } from '@myelin/datapath';
import { type BalancedProtocol, defaultTableSize, NodeTables, type Pool, type WantedRows } from '@myelin/loadbalancing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client, populate } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { type Family, families, type Speaker, Talk } from './packets/talk.ts';

/*
 * What losing one of a hundred backends does to flows: through the writer that the agent has, and the programs that packets pass. Hash, seed and ports are the same in every run, so the counts are.
 */

const web: Speaker = { ipv4: '10.96.0.1', ipv6: 'fd00:96::1' };
const [servicePort, backendPort, firstPort] = [80, 8080, 20000];
const backends = 100;
/** New flows of each family and protocol. */
const flows = 1500;
/** What the program tells the kernel of a packet that goes on to the stack. */
const pass = 0;

const cases = families.flatMap((family) => (['TCP', 'UDP'] as const).map((protocol) => ({ family, protocol })));

/** Outside the cluster: the stack's business, so that the program's whole work is to choose. */
const addressOf = (family: Family, backend: number) =>
  family === 4 ? `198.51.100.${backend + 1}` : `2001:db8:ffff::${(backend + 1).toString(16)}`;

/** The service in both families and protocols, without one of its backends. */
function without(lost: number | null): WantedRows {
  const pools = cases.map(({ family, protocol }) => poolOf(family, protocol, lost));
  const frontends = pools.map(({ name, family, protocol }) => ({
    address: family === 4 ? web.ipv4 : web.ipv6,
    port: servicePort,
    protocol,
    pool: name,
  }));
  return { addresses: [web.ipv4, web.ipv6], frontends, pools };
}

function poolOf(family: Family, protocol: BalancedProtocol, lost: number | null): Pool {
  const numbers = Array.from({ length: backends }, (_, number) => number).filter((number) => number !== lost);
  return {
    name: `shop/web:80/${protocol}/IPv${family}`,
    service: { namespace: 'shop', name: 'web' },
    protocol,
    family,
    affinitySeconds: null,
    backends: numbers.map((number) => ({ address: addressOf(family, number), port: backendPort, state: 'ready', weight: 1, node: null })),
  };
}

let node: TestNode;
let services: ServiceTables;
const numbers = new NodeTables({ size: defaultTableSize, seed: 'lab' });
const write = (lost: number | null) => services.apply(numbers.replace(without(lost)));
beforeAll(async () => {
  node = await TestNode.load({ flowBuckets: 1 << 11, isHeard: false });
  populate(node);
  services = await node.serviceTables();
  services.setSeed('lab');
});
afterAll(() => node.close());

describe('a service of 100 backends that loses one', () => {
  let moved = 0;
  let others = 0;

  it.each(cases)('keeps every live flow of the others over IPv$family and $protocol', async ({ family, protocol }) => {
    const talk = new Talk(family, client, web);
    const ports = Array.from({ length: flows }, (_, number) => firstPort + number);
    const lastByte = 14 + (family === 4 ? 16 + 3 : 24 + 15);
    /** The backend of each flow, by the last byte of where its packet goes; null: it goes nowhere. */
    const backendsOf = async (isFirst: boolean) => {
      const tcp = (port: number) => (isFirst ? talk.syn(port, servicePort) : talk.ack(port, servicePort));
      const packets = ports.map((port) => (protocol === 'UDP' ? talk.udp(port, servicePort) : tcp(port)));
      const results = await node.fromPodEach(client, packets);
      return results.map(({ returnValue, data }) => (returnValue === pass ? data[lastByte]! - 1 : null));
    };
    await write(null);
    node.forget();
    const before = await backendsOf(true);
    expect(new Set(before).size).toBe(backends);
    const lost = before[0]!;
    await write(lost);
    const kept = before.flatMap((backend, flow) => (backend === lost ? [] : [flow]));
    const live = await backendsOf(false);
    expect(kept.filter((flow) => live[flow] !== before[flow])).toEqual([]);
    const orphans = live.filter((_, flow) => before[flow] === lost);
    if (protocol === 'TCP') expect(new Set(orphans)).toEqual(new Set([null]));
    else for (const gone of [null, lost]) expect(orphans).not.toContain(gone);
    // The same flows again, as new ones.
    node.forget();
    const anew = await backendsOf(true);
    for (const gone of [null, lost]) expect(anew).not.toContain(gone);
    moved += kept.filter((flow) => anew[flow] !== before[flow]).length;
    others += kept.length;
  });

  it('moves at most 1 % of the new flows of the others', () => {
    expect(others).toBeGreaterThan(0.98 * flows * cases.length);
    expect(moved / others).toBeLessThanOrEqual(0.01);
  });
});
