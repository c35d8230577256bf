import { describe, expect, it } from 'vitest';
import type { Changes } from './balancer.ts';
import { NodeTables } from './node-tables.ts';
import { mostOfPool } from './numbered-pool.ts';
import type { Pool } from './state.ts';
import { KernelMaps } from './testing/kernel.ts';

const pool = (count: number, offset = 0): Pool => ({
  name: 'shop/web:80/TCP/IPv4',
  service: { namespace: 'shop', name: 'web' },
  protocol: 'TCP',
  family: 4,
  affinitySeconds: null,
  backends: Array.from({ length: count }, (_, index) => ({
    address: `10.${offset}.${index >> 8}.${index & 255}`,
    port: 80,
    state: 'ready',
    weight: 1,
    node: null,
  })),
});

const changes = (one: Pool): Changes => ({
  addresses: new Map(),
  frontends: new Map([['10.96.0.1:80/TCP', { address: '10.96.0.1', port: 80, protocol: 'TCP', pool: one.name }]]),
  pools: new Map([[one.name, one]]),
  services: new Map(),
});

describe('the tables of a node', () => {
  it('refuse a pool that has more backends than slots, and stay as they were', () => {
    const tables = new NodeTables({ size: 251, seed: 'lab' });
    tables.apply(changes(pool(2)));
    const before = tables.pools().get('shop/web:80/TCP/IPv4');
    expect(() => tables.apply(changes(pool(mostOfPool + 1)))).toThrow(RangeError);
    expect(tables.pools().get('shop/web:80/TCP/IPv4')).toBe(before);
    expect(tables.apply(changes(pool(2)))).toEqual([{ map: 'epochs', pool: 1 }]);
  });

  it('have slots for the greatest pool also while all its backends change', () => {
    const tables = new NodeTables({ size: 251, seed: 'lab' });
    const maps = new KernelMaps();
    for (const offset of [0, 1]) for (const step of tables.apply(changes(pool(mostOfPool, offset)))) maps.write(step);
    expect(maps.lookup('10.96.0.1:80/TCP', 77)).toMatch(/^10\.1\./);
    expect(maps.backends.size).toBe(mostOfPool);
  });

  it.each([
    [0, 1],
    [1, 0],
    [1, 3],
    [3, 1],
    [2, 0],
  ])('come to what is wanted wherever a writer was killed between %i and %i backends', (from, to) => {
    const options = { size: 251, seed: 'lab' } as const;
    const wanted = { addresses: [], frontends: [...changes(pool(to)).frontends.values()].map((one) => one!), pools: [pool(to)] };
    const fresh = new KernelMaps();
    for (const step of new NodeTables(options).replace(wanted)) fresh.write(step);
    const writer = new NodeTables(options);
    const [before, after] = [writer.apply(changes(pool(from))), writer.apply(changes(pool(to)))];
    for (let made = 0; made < after.length; made++) {
      const maps = new KernelMaps();
      for (const step of [...before, ...after.slice(0, made)]) maps.write(step);
      maps.interrupted = true;
      for (const step of NodeTables.adopt(options, maps.held(), wanted).steps) maps.write(step);
      for (const position of [0, 100, 250])
        expect(maps.lookup('10.96.0.1:80/TCP', position), `${made} writes`).toBe(fresh.lookup('10.96.0.1:80/TCP', position));
      expect(maps.sizes()).toEqual(fresh.sizes());
    }
  });
});
