import { address } from '@myelin/address';
import { frontendCodec, serviceStateCodec } from '@myelin/datapath-layout';
import { type Frontend, frontendName, type KernelServices, NodeTables, type Pool, type Step, type WantedRows } from '@myelin/loadbalancing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peerIndex } from './peer-epochs.ts';
import { indexKey } from './table.ts';
import type { Tables } from './tables.ts';
import { KernelTables } from './testing/kernel-tables.ts';

let kernel: KernelTables;
let tables: Tables;
beforeEach(async () => {
  kernel = await KernelTables.create();
  tables = await kernel.open();
});
afterEach(() => kernel.close());

const options = { size: 251, seed: 'lab' } as const;
const epoch = (text: string) =>
  kernel
    .map('peer_epochs')
    .lookup(indexKey(peerIndex(address(text))))!
    .readUInt32LE();

/** A service of one port with backends at these addresses. */
function service(name: string, frontend: string, backends: readonly string[]): { readonly frontend: Frontend; readonly pool: Pool } {
  const family = frontend.includes(':') ? 6 : 4;
  const pool = `shop/${name}:80/TCP/IPv${family}`;
  return {
    frontend: { address: frontend, port: 80, protocol: 'TCP', pool },
    pool: {
      name: pool,
      service: { namespace: 'shop', name },
      protocol: 'TCP',
      family,
      affinitySeconds: name === 'sticky' ? 10800 : null,
      backends: backends.map((of) => ({ address: of, port: 8080, state: 'ready', weight: 1, node: null })),
    },
  };
}

const wanted = (...services: readonly ReturnType<typeof service>[]): WantedRows => ({
  addresses: [...new Set(services.map(({ frontend }) => frontend.address))],
  frontends: services.map(({ frontend }) => frontend),
  pools: services.map(({ pool }) => pool),
});

const web = service('web', '10.96.0.1', ['10.1.0.1', '10.1.0.2', '10.1.0.3']);
const six = service('six', 'fd00:96::1', ['fd00:1::1', 'fd00:1::2']);
const sticky = service('sticky', '10.96.0.2', ['10.1.0.1']);
const empty = service('empty', '10.96.0.3', []);

/** Where a frontend leads, at each position. */
function answers({ frontends, pools, backends }: KernelServices, { frontend }: ReturnType<typeof service>): string {
  const number = frontends.get(frontendName(frontend))?.pool;
  if (number === undefined) return 'nowhere';
  const { first, usable, only } = pools.get(number)!;
  const slots = usable > 1 ? [...tables.services.readTable(number)!] : usable === 1 ? [only] : [];
  const named = slots.map((slot) => backends.get(first + slot)!);
  return [...new Set(named.map((row) => `${row.address}:${row.port} of ${row.pool === number}`))].sort().join(', ');
}

describe('services in the kernel', () => {
  it('are what a node writes, in both families, and are read back', async () => {
    const node = new NodeTables(options);
    const rows = wanted(web, six, sticky, empty);
    await tables.services.apply(node.replace(rows));
    const held = await tables.services.read();
    expect([web, six, sticky, empty].map((of) => answers(held, of))).toEqual([
      '10.1.0.1:8080 of true, 10.1.0.2:8080 of true, 10.1.0.3:8080 of true',
      'fd00:1::1:8080 of true, fd00:1::2:8080 of true',
      '10.1.0.1:8080 of true',
      '',
    ]);
    expect([...held.frontends.keys()].sort()).toEqual([...rows.addresses, ...rows.frontends.map(frontendName)].sort());
    expect([...held.pools.values()].map(({ affinitySeconds }) => affinitySeconds)).toContain(10800);
    expect(NodeTables.adopt(options, held, rows).steps).toEqual([]);
  });

  it('change by what differs; the table of a pool that needs none any more is gone', async () => {
    const node = new NodeTables(options);
    await tables.services.apply(node.replace(wanted(web, sticky)));
    const fewer = service('web', '10.96.0.1', ['10.1.0.1', '10.1.0.3']);
    await tables.services.apply(node.replace(wanted(fewer, sticky)));
    expect(answers(await tables.services.read(), fewer)).toBe('10.1.0.1:8080 of true, 10.1.0.3:8080 of true');
    const one = service('web', '10.96.0.1', ['10.1.0.3']);
    await tables.services.apply(node.replace(wanted(one, sticky)));
    const held = await tables.services.read();
    expect([answers(held, one), held.tables.size]).toEqual(['10.1.0.3:8080 of true', 0]);
    await tables.services.apply(node.replace(wanted()));
    expect(await tables.services.read()).toEqual({
      frontends: new Map(),
      pools: new Map(),
      tables: new Set(),
      backends: new Map(),
      interrupted: false,
    });
    expect(tables.services.pressure.map(({ entries }) => entries)).toEqual([0, 0, 0, 0]);
  });

  it('keep a backend as a member where its pool has outgrown its rows', async () => {
    const node = new NodeTables(options);
    await tables.services.apply(node.replace(wanted(web, sticky)));
    const more = service(
      'web',
      '10.96.0.1',
      Array.from({ length: 9 }, (_, index) => `10.1.0.${index + 1}`),
    );
    await tables.services.apply(node.replace(wanted(more, sticky)));
    expect(tables.services.pressure.find(({ table }) => table === 'pool_members')?.entries).toBe(10);
    expect((await tables.services.read()).backends.size).toBe(10);
  });

  it('raise the epochs of the addresses that lead to a pool that changes, and of no others (D2)', async () => {
    const node = new NodeTables(options);
    await tables.services.apply(node.replace(wanted(web, sticky)));
    const before = tables.clock.now;
    expect([epoch('10.96.0.1'), epoch('10.96.0.2')]).toEqual([before, before]);
    await tables.services.apply(node.replace(wanted(service('web', '10.96.0.1', ['10.1.0.1']), sticky)));
    expect([epoch('10.96.0.1'), epoch('10.96.0.2'), tables.clock.now]).toEqual([before + 1, before, before + 1]);
    await tables.services.apply(node.replace(wanted(sticky)));
    expect([epoch('10.96.0.1'), epoch('10.96.0.2')]).toEqual([before + 2, before]);
  });

  it('are gone on from after a restart, with the same numbers (D9)', async () => {
    await tables.services.apply(new NodeTables(options).replace(wanted(web, six, sticky)));
    tables = await kernel.open();
    const before = await tables.services.read();
    const more = service('web', '10.96.0.1', ['10.1.0.2', '10.1.0.3', '10.1.0.4']);
    const { tables: node, steps } = NodeTables.adopt(options, before, wanted(more, six));
    await tables.services.apply(steps);
    const after = await tables.services.read();
    expect([more, six, sticky].map((of) => answers(after, of))).toEqual([
      '10.1.0.2:8080 of true, 10.1.0.3:8080 of true, 10.1.0.4:8080 of true',
      'fd00:1::1:8080 of true, fd00:1::2:8080 of true',
      'nowhere',
    ]);
    const row = (held: KernelServices, of: string) => [...held.backends].find(([, { address: at }]) => at === of)?.[0];
    expect([row(after, '10.1.0.2'), row(after, '10.1.0.3')]).toEqual([row(before, '10.1.0.2'), row(before, '10.1.0.3')]);
    expect(after.frontends.get('10.96.0.1:80/TCP')).toEqual(before.frontends.get('10.96.0.1:80/TCP'));
    await tables.services.apply(node.replace(wanted()));
    expect((await tables.services.read()).backends.size).toBe(0);
  });

  it('are put right after a writer that was killed', async () => {
    const node = new NodeTables(options);
    await tables.services.apply(node.replace(wanted(web, sticky)));
    const writes: readonly Step[] = node.replace(wanted(service('web', '10.96.0.1', ['10.1.0.3', '10.1.0.4']), six));
    const killed = { ...serviceStateCodec.read(kernel.map('service_state').lookup(indexKey(0))!), isWriting: 1 };
    await tables.services.apply(writes.slice(0, writes.length / 2));
    kernel.map('service_state').update(indexKey(0), serviceStateCodec.encode(killed));
    tables = await kernel.open();
    const held = await tables.services.read();
    expect(held.interrupted).toBe(true);
    await tables.services.apply(NodeTables.adopt(options, held, wanted(web, six)).steps);
    const after = await tables.services.read();
    expect([web, six].map((of) => answers(after, of))).toEqual([
      '10.1.0.1:8080 of true, 10.1.0.2:8080 of true, 10.1.0.3:8080 of true',
      'fd00:1::1:8080 of true, fd00:1::2:8080 of true',
    ]);
    expect([after.interrupted, after.backends.size, after.pools.size, after.tables.size]).toEqual([false, 5, 2, 2]);
  });

  it('that find no room are refused by name; all others are served, and the refusal is counted (C8)', async () => {
    const small = await KernelTables.create({ frontends_v4: 2 });
    try {
      const tight = await small.open();
      const node = new NodeTables(options);
      await expect(tight.services.apply(node.replace(wanted(web, sticky, six)))).rejects.toMatchObject({ code: 'full' });
      const held = await tight.services.read();
      expect(held.frontends.has('[fd00:96::1]:80/TCP')).toBe(true);
      expect([held.interrupted, small.refusals.get('frontends_v4')]).toEqual([false, 2]);
    } finally {
      small.close();
    }
  });

  it('have the frontend that an address of a Service has, for packets to no port of it', async () => {
    await tables.services.apply(new NodeTables(options).replace(wanted(web)));
    const key = Buffer.from([10, 96, 0, 1, 0, 0, 0, 0]);
    expect(frontendCodec.read(kernel.map('frontends_v4').lookup(key)!)).toEqual({ pool: 0 });
  });

  it('are chosen alike by nodes that were told the same seed', async () => {
    const seed = () => serviceStateCodec.read(kernel.map('service_state').lookup(indexKey(0))!);
    tables.services.setSeed('lab');
    const one = seed();
    tables.services.setSeed('other');
    expect(seed().seed).not.toBe(one.seed);
    tables.services.setSeed('lab');
    expect([seed(), one.seed !== 0n]).toEqual([one, true]);
  });
});
