import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Balancer, type BalancerEvent, type Changes } from './balancer.ts';
import { serviceKey } from './state.ts';
import { event } from './testing/arbitrary.ts';

const numRuns = process.env.MYELIN_NIGHTLY ? 5000 : 150;

const rowsOf = (balancer: Balancer) => ({
  addresses: balancer.addresses(),
  frontends: balancer.frontends(),
  pools: balancer.pools(),
  services: balancer.services(),
});

/** Objects that are left after some events, in the order that they came. */
class Objects {
  readonly #events = new Map<string, BalancerEvent>();

  take(one: BalancerEvent): void {
    const isService = 'service' in one;
    const key = `${isService ? 'service' : 'slice'} ${serviceKey(isService ? one.service : one.slice)}`;
    if (one.kind === 'service-put' || one.kind === 'slice-put') this.#events.set(key, one);
    else this.#events.delete(key);
  }

  puts(): readonly BalancerEvent[] {
    return [...this.#events.values()];
  }
}

/** Rows of someone who knows only the changes. Fails where a change says what was known. */
class Mirror {
  readonly #rows = new Map<keyof Changes, Map<string, unknown>>();

  take(changes: Changes): void {
    for (const kind of ['addresses', 'frontends', 'pools', 'services'] as const) {
      const rows = this.#rows.get(kind) ?? new Map<string, unknown>();
      this.#rows.set(kind, rows);
      for (const [name, row] of changes[kind]) {
        expect(row ?? undefined, `${kind} ${name} has changed`).not.toEqual(rows.get(name));
        if (row === null) rows.delete(name);
        else rows.set(name, row);
      }
    }
  }

  sizes(): readonly number[] {
    return [...this.#rows.values()].map((rows) => rows.size);
  }

  has(kind: keyof Changes, row: unknown): boolean {
    return [...(this.#rows.get(kind)?.values() ?? [])].some((one) => JSON.stringify(one) === JSON.stringify(row));
  }
}

describe('the balancer', () => {
  it('depends on the objects that are there alone: after any events as from a fresh start, in whatever order', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: 'max' }), fc.infiniteStream(fc.nat()), (events, random) => {
        const balancer = new Balancer();
        const objects = new Objects();
        for (const one of events) {
          balancer.apply(one);
          objects.take(one);
        }
        const fresh = new Balancer();
        const shuffled = objects.puts().map((one) => ({ one, at: random.next().value as number }));
        for (const { one } of shuffled.sort((a, b) => a.at - b.at)) fresh.apply(one);
        expect(rowsOf(balancer)).toEqual(rowsOf(fresh));
      }),
      { numRuns },
    );
  });

  it('names every row that an event changes, and no other', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30, size: 'max' }), (events) => {
        const balancer = new Balancer();
        const mirror = new Mirror();
        for (const one of events) {
          mirror.take(balancer.apply(one));
          const rows = rowsOf(balancer);
          if (mirror.sizes().length > 0)
            expect(mirror.sizes()).toEqual([rows.addresses.length, rows.frontends.length, rows.pools.length, rows.services.length]);
          for (const kind of ['frontends', 'pools', 'services'] as const)
            for (const row of rows[kind]) expect(mirror.has(kind, row)).toBe(true);
        }
      }),
      { numRuns },
    );
  });
});
