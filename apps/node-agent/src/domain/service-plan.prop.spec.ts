import {
  Balancer,
  type BalancerEvent,
  backendName,
  frontendName,
  maglevTable,
  NodeTables,
  type Pool,
  type Step,
  usableBackends,
} from '@myelin/loadbalancing';
import { event, KernelMaps } from '@myelin/loadbalancing/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServicePlan } from './service-plan.ts';

const options = { size: 251, seed: 'lab' } as const;
const numRuns = process.env.MYELIN_NIGHTLY ? 3000 : 150;
const positions = [0, 1, 50, 125, 250];

/** Where every frontend and every address leads, at some positions. */
function answers(maps: KernelMaps, names: readonly string[]) {
  return new Map(names.map((name) => [name, positions.map((at) => maps.lookup(name, at)).join(' ')]));
}

function namesOf(balancer: Balancer): readonly string[] {
  return [...balancer.frontends().map(frontendName), ...balancer.addresses()];
}

function balancerOf(events: readonly BalancerEvent[]): Balancer {
  const balancer = new Balancer();
  for (const one of events) balancer.apply(one);
  return balancer;
}

/** What the maps come to where all is known at once. */
function fresh(balancer: Balancer): KernelMaps {
  const maps = new KernelMaps();
  const wanted = { addresses: balancer.addresses(), frontends: balancer.frontends(), pools: balancer.pools() };
  for (const step of new NodeTables(options).replace(wanted)) maps.write(step);
  return maps;
}

/** Writes all parts; after `writes` more writes the process is killed, and false is returned. */
function writeAll(plan: ServicePlan, maps: KernelMaps, most: number, budget: { writes: number }, after: () => void): boolean {
  const write = (steps: readonly Step[]) => {
    for (const step of steps) {
      if (budget.writes-- <= 0) {
        maps.interrupted = true;
        return false;
      }
      maps.write(step);
      after();
    }
    return true;
  };
  if (plan.needsKernel) {
    if (!write(plan.adopt(maps.held()))) return false;
    maps.interrupted = false;
  }
  for (let steps = plan.next(most); steps.length > 0; steps = plan.next(most)) if (!write(steps)) return false;
  return true;
}

/** Pool of each frontend, and where each position leads in each pool. */
function ledTo(balancer: Balancer) {
  const answersOf = (pool: Pool) => {
    const usable = usableBackends(pool);
    const table = maglevTable(
      usable.map((backend) => ({ name: backendName(pool, backend), weight: backend.weight })),
      options,
    );
    return positions.map((at) => {
      const backend = usable[table[at]!];
      return backend === undefined ? 'refused' : `${backend.address}:${backend.port}`;
    });
  };
  return {
    pools: new Map(balancer.frontends().map((one) => [frontendName(one), one.pool])),
    answers: new Map(balancer.pools().map((pool) => [pool.name, answersOf(pool)])),
  };
}

const batches = fc.array(fc.array(event, { maxLength: 12 }), { minLength: 1, maxLength: 6, size: 'max' });

describe('ServicePlan', () => {
  it('comes to the maps of a fresh start, in parts of any size, whatever was written when it was killed, as often as it is', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 4 }), fc.array(fc.nat(30), { maxLength: 4 }), (story, most, kills) => {
        const maps = new KernelMaps();
        let plan = new ServicePlan(options);
        let known: readonly BalancerEvent[] = [];
        const left = [...kills];
        for (const events of story) {
          known = [...known, ...events];
          plan.take(events);
          while (!writeAll(plan, maps, most, { writes: left.length > 0 ? left.pop()! : Number.POSITIVE_INFINITY }, () => {})) {
            // A new process reads the stream from its beginning, or the old one is told to look.
            if (left.length % 2 === 0) {
              plan = new ServicePlan(options);
              plan.take(known);
            } else plan.lost();
          }
          const balancer = balancerOf(known);
          const wanted = fresh(balancer);
          expect(answers(maps, namesOf(balancer))).toEqual(answers(wanted, namesOf(balancer)));
          expect(maps.frontends.size).toBe(wanted.frontends.size);
        }
      }),
      { numRuns },
    );
  });

  it('D2: between any two writes, of one part or of two, a frontend leads to its old pool or its new one, as it was or as it will be', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 3 }), (story, most) => {
        const maps = new KernelMaps();
        const plan = new ServicePlan(options);
        let known: readonly BalancerEvent[] = [];
        for (const events of story) {
          const before = ledTo(balancerOf(known));
          known = [...known, ...events];
          const after = ledTo(balancerOf(known));
          plan.take(events);
          const look = () => {
            for (const name of new Set([...before.pools.keys(), ...after.pools.keys()])) {
              const led = [before.pools.get(name), after.pools.get(name)];
              for (const [index, position] of positions.entries()) {
                const possible = led.flatMap((pool) =>
                  pool === undefined ? ['nowhere'] : [before.answers.get(pool)?.[index], after.answers.get(pool)?.[index]],
                );
                const found = maps.lookup(name, position);
                if (!possible.includes(found)) expect(possible, `${name} at ${position}`).toContain(found);
              }
            }
          };
          writeAll(plan, maps, most, { writes: Number.POSITIVE_INFINITY }, look);
        }
      }),
      { numRuns },
    );
  });
});
