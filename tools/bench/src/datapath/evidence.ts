import type { Counters } from '@myelin/datapath';

/** What a program run leaves in the node's counters, by name. `forwarded …`, `dropped …`: as in the map, e.g. `dropped 133 ingress`. */
export type CounterName =
  | 'flow hits'
  | 'stale flows'
  | 'flow inserts'
  | 'decisions remembered'
  | 'decisions made'
  | 'events sent'
  | 'events lost'
  | `forwarded ${string}`
  | `dropped ${string}`;

/** How much of each. */
export type Counts = ReadonlyMap<CounterName, bigint>;

/**
 * How often each counter has to move for one packet; others not at all. `seldom`: for fewer than one packet in a hundred. One packet in ten thousand may be an exception: the kernel's sweep of
 * the flow table sends events of its own meanwhile, and an entry that it is just changing is looked up again.
 */
export type Expected = Readonly<Partial<Record<CounterName, number | 'seldom'>>>;

/** One packet of so many may go another way. */
const exceptions = 10_000n;

/** Flattens the node's counters; zeros are left out. */
export function countsOf(counters: Counters): Counts {
  const counts = new Map<CounterName, bigint>([
    ['flow hits', counters.flowHits],
    ['stale flows', counters.flowStale],
    ['flow inserts', counters.flowInserts],
    ['decisions remembered', counters.decisionHits],
    ['decisions made', counters.decisionMisses],
    ['events sent', counters.eventsSent],
    ['events lost', counters.eventsLost],
  ]);
  for (const { class: to, direction, packets } of counters.forwarded) counts.set(`forwarded ${to} ${direction}`, packets);
  for (const { reason, direction, packets } of counters.dropped) counts.set(`dropped ${reason} ${direction}`, packets);
  return new Map([...counts].filter(([, count]) => count !== 0n));
}

/** Counts what happened between two readings, over all rounds of one result. */
export class Evidence {
  readonly #expected: Expected;
  readonly #moved = new Map<CounterName, bigint>();
  #packets = 0n;

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  /** `packets` were sent between the two readings. */
  add(packets: number, before: Counts, after: Counts): void {
    this.#packets += BigInt(packets);
    for (const [name, count] of after) {
      const moved = count - (before.get(name) ?? 0n);
      if (moved !== 0n) this.#moved.set(name, (this.#moved.get(name) ?? 0n) + moved);
    }
  }

  /** Whether each packet went the way that was meant: counters that moved otherwise than expected; empty where none did. */
  contradictions(): readonly string[] {
    const names = new Set([...this.#moved.keys(), ...(Object.keys(this.#expected) as CounterName[])]);
    return [...names].flatMap((name) => {
      const expected = this.#expected[name] ?? 0;
      const moved = this.#moved.get(name) ?? 0n;
      const wanted = expected === 'seldom' ? 'fewer than one in a hundred' : `${BigInt(expected) * this.#packets}`;
      return this.#packets > 0n && this.#holds(expected, moved)
        ? []
        : [`${name}: ${moved} for ${this.#packets} packets, expected ${wanted}`];
    });
  }

  #holds(expected: number | 'seldom', moved: bigint): boolean {
    if (expected === 'seldom') return moved * 100n < this.#packets;
    const difference = moved - BigInt(expected) * this.#packets;
    return (difference < 0n ? -difference : difference) * exceptions <= this.#packets;
  }

  /** `1 flow hits, 1 forwarded …, for each of 4100000 packets`. */
  toString(): string {
    const each = [...this.#moved].filter(([name]) => this.#expected[name] !== 'seldom').map(([name, count]) => `${count} ${name}`);
    return `${this.#packets} packets: ${each.join(', ')}`;
  }
}
