import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Balancer } from './balancer.ts';
import type { WantedRows } from './held-pools.ts';
import { NodeTables } from './node-tables.ts';
import type { Step } from './rows.ts';
import { frontendName } from './state.ts';
import { event } from './testing/arbitrary.ts';
import { KernelMaps } from './testing/kernel.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 3000 : 100;
const options = { size: 251, seed: 'lab' } as const;
const positions = [0, 1, 2, 50, 100, 125, 200, 250];

const wantedOf = (balancer: Balancer): WantedRows => ({
  addresses: balancer.addresses(),
  frontends: balancer.frontends(),
  pools: balancer.pools(),
});

/** Where each frontend leads, at each of some positions. */
const answers = (maps: KernelMaps, { frontends }: WantedRows) =>
  frontends.map((one) => [frontendName(one), positions.map((at) => maps.lookup(frontendName(one), at))]);

function freshly(wanted: WantedRows): KernelMaps {
  const maps = new KernelMaps();
  for (const step of new NodeTables(options).replace(wanted)) maps.write(step);
  return maps;
}

const write = (maps: KernelMaps, steps: readonly Step[]) => {
  for (const step of steps) maps.write(step);
};

/** What an agent left, what Services became while there was none, and how many of its last writes it had made when it was killed. */
const story = fc.record({
  before: fc.array(event, { maxLength: 25, size: 'max' }),
  meanwhile: fc.array(event, { maxLength: 8 }),
  killedAfter: fc.option(fc.nat(12), { freq: 2 }),
});

describe('a node that starts again', () => {
  it('comes to what is wanted, from whatever was left, and leaves nothing behind', () => {
    fc.assert(
      fc.property(story, ({ before, meanwhile, killedAfter }) => {
        const balancer = new Balancer();
        const maps = new KernelMaps();
        const old = new NodeTables(options);
        for (const [index, one] of before.entries()) {
          const steps = old.apply(balancer.apply(one));
          const interrupted = killedAfter !== null && index === before.length - 1 && killedAfter < steps.length;
          write(maps, interrupted ? steps.slice(0, killedAfter) : steps);
          maps.interrupted = interrupted;
        }
        for (const one of meanwhile) balancer.apply(one);
        const wanted = wantedOf(balancer);
        const { tables, steps } = NodeTables.adopt(options, maps.held(), wanted);
        write(maps, steps);
        expect(answers(maps, wanted)).toEqual(answers(freshly(wanted), wanted));
        expect(maps.sizes()).toEqual(freshly(wanted).sizes());
        // And goes on from there.
        expect(tables.replace(wanted)).toEqual([]);
        for (const { namespace, name } of balancer.services())
          write(maps, tables.apply(balancer.apply({ kind: 'service-delete', service: { namespace, name } })));
        expect(maps.sizes()).toEqual({ frontends: 0, pools: 0, tables: 0, backends: 0 });
      }),
      { numRuns: 3 * numRuns },
    );
  });

  it('writes nothing where nothing has changed: numbers and slots are those of before', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 25, size: 'max' }), (events) => {
        const balancer = new Balancer();
        const maps = new KernelMaps();
        const old = new NodeTables(options);
        for (const one of events) write(maps, old.apply(balancer.apply(one)));
        const leading = new Set(balancer.frontends().map(({ pool }) => pool));
        const wanted = wantedOf(balancer);
        const reachable = { ...wanted, pools: wanted.pools.filter(({ name }) => leading.has(name)) };
        const { tables, steps } = NodeTables.adopt(options, maps.held(), reachable);
        // A pool without a frontend can't be told from one that is gone: nothing leads to it.
        const lost = wanted.pools.filter(({ name }) => !leading.has(name)).map(({ name }) => old.pools().get(name)!.number);
        expect(steps.filter((step) => step.map === 'frontends' || !lost.includes(step.pool))).toEqual([]);
        for (const [name, pool] of tables.pools())
          expect([name, pool.number, pool.slots]).toEqual([name, old.pools().get(name)!.number, old.pools().get(name)!.slots]);
      }),
      { numRuns },
    );
  });
});
