/** What counters have to say so that traffic is known to have gone the way that its name means. Pure. */
import type { TrafficKind, WayName } from './results.ts';

/** Counters of a way's node: what its network stack has forwarded, and what belongs to the way. */
export type Reading = Readonly<Record<string, number>>;

/** Packets that one exchange, byte or datagram takes at least, both directions together: a connection has three of its handshake, two of data, three of its end, acknowledgements may go with others. */
const packetsOf: Readonly<Record<TrafficKind, number>> = { rr: 2, crr: 6, bulk: 1 / 65_536, udp: 1 };

/** One packet in so many may have gone another way: the kernel's sweep changes an entry just when it is looked up. */
const exceptions = 10_000;

/** Bounds of what a counter may have moved by. */
interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

/** Bounds for `count` exchanges, bytes or datagrams in so many rounds, each with a connection of its own. */
function boundsOf(way: WayName, kind: TrafficKind, count: number, rounds: number): Readonly<Record<string, Bounds>> {
  const packets = Math.floor(count * packetsOf[kind]);
  const few = Math.ceil(packets / exceptions);
  const taken = kind === 'udp' ? { taken: { least: count - few, most: count } } : {};
  const routed = { 'routed by the stack': way === 'plain' || way === 'nft' || way === 'iptables' ? { least: packets } : { most: few } };
  if (way !== 'ours' && way !== 'service') return { ...taken, ...routed };
  const inserts = kind === 'crr' ? { 'flow inserts': { least: count - few } } : { 'flow inserts': { most: rounds } };
  // Of a connection, its first packet and its end are no hits.
  const hits = Math.floor(kind === 'crr' ? count * 4 : packets - rounds - few);
  return { ...taken, ...routed, ...inserts, 'flow hits': { least: hits }, 'to a pod': { least: packets - few }, dropped: { most: few } };
}

/** Sums up what one way's counters moved by over all rounds. */
export class WayEvidence {
  readonly #way: WayName;
  readonly #kind: TrafficKind;
  readonly #moved: Record<string, number> = {};
  #count = 0;
  #rounds = 0;

  constructor(way: WayName, kind: TrafficKind) {
    this.#way = way;
    this.#kind = kind;
  }

  add(count: number, before: Reading, after: Reading): void {
    this.#count += count;
    this.#rounds++;
    for (const name of Object.keys(after)) this.#moved[name] = (this.#moved[name] ?? 0) + after[name]! - (before[name] ?? 0);
  }

  /** Counters that moved otherwise than they had to; empty where none did. */
  contradictions(): readonly string[] {
    return Object.entries(boundsOf(this.#way, this.#kind, this.#count, this.#rounds)).flatMap(
      ([name, { least = 0, most = Number.POSITIVE_INFINITY }]) => {
        const moved = this.#moved[name];
        if (moved !== undefined && moved >= least && moved <= most) return [];
        const wanted = Number.isFinite(most) ? `at most ${most}` : `at least ${least}`;
        return [`${this.#way}: ${name}: ${moved ?? 'not counted'} for ${this.#count} ${this.#kind}, expected ${wanted}`];
      },
    );
  }

  /** `ours: 41300 rr, 82600 flow hits, …`. */
  toString(): string {
    const counted = Object.entries(this.#moved).filter(([, moved]) => moved !== 0);
    return [`${this.#way}: ${this.#count} ${this.#kind}`, ...counted.map(([name, moved]) => `${moved} ${name}`)].join(', ');
  }
}
