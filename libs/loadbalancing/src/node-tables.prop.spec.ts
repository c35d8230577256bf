import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Balancer, type Changes } from './balancer.ts';
import { maglevTable } from './maglev/table.ts';
import { NodeTables } from './node-tables.ts';
import type { Step } from './rows.ts';
import { backendName, type Frontend, frontendName, type Pool, usableBackends } from './state.ts';
import { event } from './testing/arbitrary.ts';
import { KernelMaps } from './testing/kernel.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 3000 : 100;
const options = { size: 251, seed: 'lab' } as const;
const positions = [0, 1, 2, 50, 100, 125, 200, 250];

/** What frontends and pools there are, and where each of some positions leads in each pool: what a look-up is to find. */
interface Rows {
  readonly pools: ReadonlyMap<string, string>;
  readonly answers: ReadonlyMap<string, readonly string[]>;
}

function answersOf(pool: Pool): readonly string[] {
  const usable = usableBackends(pool);
  const table = maglevTable(
    usable.map((backend) => ({ name: backendName(pool, backend), weight: backend.weight })),
    options,
  );
  return positions.map((at) => {
    const backend = usable[table[at]!];
    return backend === undefined ? 'refused' : `${backend.address}:${backend.port}`;
  });
}

const rowsOf = (frontends: readonly Frontend[], pools: readonly Pool[]): Rows => ({
  pools: new Map(frontends.map((one) => [frontendName(one), one.pool])),
  answers: new Map(pools.map((pool) => [pool.name, answersOf(pool)])),
});

/** Writes step by step. At each moment a look-up finds a frontend's old pool or its new one, as it was or as it will be; in the end, what the rows say. */
function writeAndLook(maps: KernelMaps, steps: readonly Step[], before: Rows, after: Rows): void {
  const names = new Set([...before.pools.keys(), ...after.pools.keys()]);
  for (const step of steps) {
    maps.write(step);
    for (const name of names) {
      const pools = [before.pools.get(name), after.pools.get(name)];
      positions.forEach((position, index) => {
        const possible = pools.flatMap((pool) =>
          pool === undefined ? ['nowhere'] : [before.answers.get(pool)?.[index], after.answers.get(pool)?.[index]],
        );
        const found = maps.lookup(name, position);
        if (!possible.includes(found)) expect(possible, `${name} at ${position}`).toContain(found);
      });
    }
  }
  for (const name of names) {
    const pool = after.pools.get(name);
    const found = positions.map((position) => maps.lookup(name, position));
    expect(found, name).toEqual(pool === undefined ? positions.map(() => 'nowhere') : after.answers.get(pool));
  }
}

/** Three pools that grow and shrink a lot, each with a frontend of its own. */
const crowds = fc.array(
  fc.record({
    pool: fc.constantFrom('a', 'b', 'c'),
    addresses: fc.option(fc.subarray(Array.from({ length: 12 }, (_, index) => `10.244.0.${index + 1}`)), { freq: 8 }),
  }),
  { maxLength: 14, size: 'max' },
);

function crowd(name: string, addresses: readonly string[]): { readonly pool: Pool; readonly frontend: Frontend } {
  const backends = addresses.toSorted().map((address) => ({ address, port: 80, state: 'ready' as const, weight: 1, node: null }));
  return {
    pool: { name, service: { namespace: 'shop', name }, protocol: 'TCP', family: 4, affinitySeconds: null, backends },
    frontend: { address: `10.96.0.${name.charCodeAt(0)}`, port: 80, protocol: 'TCP', pool: name },
  };
}

/** Changes of several events as one. */
const join = (all: readonly Changes[]): Changes => {
  const merged = <T>(pick: (changes: Changes) => ReadonlyMap<string, T>) => new Map(all.flatMap((changes) => [...pick(changes)]));
  return {
    addresses: merged((one) => one.addresses),
    frontends: merged((one) => one.frontends),
    pools: merged((one) => one.pools),
    services: merged((one) => one.services),
  };
};

const batches = fc.array(fc.array(event, { minLength: 1, maxLength: 6 }), { maxLength: 12, size: 'max' });

describe('the tables of a node', () => {
  it('D2: whoever looks between two writes finds what was or what will be', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const balancer = new Balancer();
        const tables = new NodeTables(options);
        const maps = new KernelMaps();
        for (const events of all) {
          const before = rowsOf(balancer.frontends(), balancer.pools());
          const steps = tables.apply(join(events.map((one) => balancer.apply(one))));
          writeAndLook(maps, steps, before, rowsOf(balancer.frontends(), balancer.pools()));
        }
      }),
      { numRuns },
    );
  });

  it('D2: also while pools outgrow their ranges, and others take those over', () => {
    fc.assert(
      fc.property(fc.array(crowds, { maxLength: 6 }), (all) => {
        const tables = new NodeTables(options);
        const maps = new KernelMaps();
        const known = new Map<string, { readonly pool: Pool; readonly frontend: Frontend }>();
        const rows = () =>
          rowsOf(
            [...known.values()].map(({ frontend }) => frontend),
            [...known.values()].map(({ pool }) => pool),
          );
        for (const changes of all) {
          const before = rows();
          const pools = new Map<string, Pool | null>();
          const frontends = new Map<string, Frontend | null>();
          for (const { pool: name, addresses } of changes) {
            const frontend = frontendName(crowd(name, []).frontend);
            if (addresses === null) known.delete(name);
            else known.set(name, crowd(name, addresses));
            pools.set(name, known.get(name)?.pool ?? null);
            frontends.set(frontend, known.get(name)?.frontend ?? null);
          }
          writeAndLook(maps, tables.apply({ addresses: new Map(), services: new Map(), pools, frontends }), before, rows());
          // Nothing is left behind: a row for each backend.
          expect(maps.sizes().backends).toBe([...known.values()].reduce((sum, { pool }) => sum + pool.backends.length, 0));
        }
      }),
      { numRuns: 3 * numRuns },
    );
  });

  it('leave nothing behind: as many rows as after a fresh start, and none when all is gone', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const balancer = new Balancer();
        const tables = new NodeTables(options);
        const maps = new KernelMaps();
        for (const events of all) for (const step of tables.apply(join(events.map((one) => balancer.apply(one))))) maps.write(step);
        const fresh = new KernelMaps();
        const everything: Changes = {
          addresses: new Map(balancer.addresses().map((address) => [address, true])),
          frontends: new Map(balancer.frontends().map((frontend) => [frontendName(frontend), frontend])),
          pools: new Map(balancer.pools().map((pool) => [pool.name, pool])),
          services: new Map(),
        };
        for (const step of new NodeTables(options).apply(everything)) fresh.write(step);
        expect(maps.sizes()).toEqual(fresh.sizes());
        for (const { namespace, name } of balancer.services())
          for (const step of tables.apply(balancer.apply({ kind: 'service-delete', service: { namespace, name } }))) maps.write(step);
        expect(maps.sizes()).toEqual({ frontends: 0, pools: 0, tables: 0, backends: 0 });
      }),
      { numRuns },
    );
  });

  it('D2: raise the epoch of every pool whose answers, or the states of whose backends, change', () => {
    fc.assert(
      fc.property(batches, (all) => {
        const balancer = new Balancer();
        const tables = new NodeTables(options);
        for (const events of all) {
          const changes = join(events.map((one) => balancer.apply(one)));
          const raised = new Set(tables.apply(changes).flatMap((step) => (step.map === 'epochs' ? [step.pool] : [])));
          for (const [name, pool] of changes.pools) if (pool !== null) expect(raised).toContain(tables.pools().get(name)!.number);
          for (const frontend of changes.frontends.values())
            if (frontend !== null) expect(raised).toContain(tables.pools().get(frontend.pool)!.number);
        }
      }),
      { numRuns },
    );
  });
});
