import { Balancer, NodeTables } from '@myelin/loadbalancing';
import { KernelMaps } from '@myelin/loadbalancing/testing';
import { describe, expect, it } from 'vitest';
import { readMap, type ShownTables } from './map-rows.ts';

const service = {
  namespace: 'shop',
  name: 'web',
  type: 'ClusterIP',
  created: null,
  headless: false,
  clusterIps: ['10.96.0.1'],
  families: [4],
  requiresDualStack: false,
  ports: [{ name: '', protocol: 'TCP', port: 80, targetPort: 8080 }],
  selector: null,
  publishNotReadyAddresses: false,
  affinitySeconds: 600,
  notServed: [],
} as const;

/** Tables of a node whose Service has so many backends. */
function tablesWith(backends: number): ShownTables {
  const maps = new KernelMaps();
  const tables = new NodeTables({ size: 251, seed: 'lab' });
  const balancer = new Balancer();
  const endpoints = Array.from({ length: backends }, (_, index) => ({
    address: `10.244.${index >> 8}.${index & 255}`,
    state: 'ready' as const,
    node: null,
  }));
  const port = { name: '', protocol: 'TCP' as const, port: 8080 };
  const slice = { namespace: 'shop', name: 'web-1', service: 'web', family: 4 as const, ports: [port], endpoints };
  balancer.apply({ kind: 'service-put', service });
  balancer.apply({ kind: 'slice-put', slice });
  const wanted = { addresses: balancer.addresses(), frontends: balancer.frontends(), pools: balancer.pools() };
  for (const step of tables.replace(wanted)) maps.write(step);
  return { services: { read: async () => maps.held() } } as unknown as ShownTables;
}

async function read(name: string, tables: ShownTables) {
  const parts = [];
  for await (const part of readMap(name, tables)) parts.push(part);
  return parts;
}

describe('readMap', () => {
  it('shows Services as the kernel holds them: frontends, pools, backends', async () => {
    const tables = tablesWith(2);
    const rowsOf = async (name: string) => (await read(name, tables))[0]!.rows.map(({ cells }) => cells.join(' '));
    expect(await rowsOf('frontends')).toEqual(['10.96.0.1 0 - -', '10.96.0.1 80 TCP 1']);
    const [pool = ''] = await rowsOf('pools');
    expect(pool).toMatch(/^1 \d+ 2 2 yes 600 s$/);
    expect((await rowsOf('backends')).map((row) => row.replace(/^1 \d+ /, ''))).toEqual(['10.244.0.0 8080 ready', '10.244.0.1 8080 ready']);
  });

  it('sends many rows in parts, the columns once', async () => {
    const parts = await read('backends', tablesWith(2500));
    expect(parts.map(({ columns, rows }) => [columns.length, rows.length])).toEqual([
      [5, 1000],
      [0, 1000],
      [0, 500],
    ]);
  });

  it('names the maps that there are when it is asked for another one', async () => {
    await expect(read('constructor', tablesWith(1))).rejects.toThrow(
      'there is no map "constructor" to show: expected endpoints, addresses, prefixes, frontends, pools, backends',
    );
  });
});
