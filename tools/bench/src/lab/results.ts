/** What the suite's results are made of: ways that traffic goes, and the ratio of what they cost. Pure. */
import type { Spread } from '../statistics.ts';
import { spreadOf } from '../statistics.ts';

/** Kinds of traffic: see traffic/main.c. */
export type TrafficKind = 'rr' | 'crr' | 'bulk' | 'udp';

/** A way between two pods of one node. `dropped`: only as far as the node's side of the sender's interface. `service`: ours, to the address of a service. */
export type WayName = 'plain' | 'bare' | 'dropped' | 'ours' | 'service' | 'nft' | 'iptables';

/** What one exchange, byte or datagram took, in ns. */
export interface Times {
  readonly p25Ns: number;
  readonly p50Ns: number;
}

/** One number per way, of one round or of all. */
export type Costs = Readonly<Partial<Record<WayName, number>>>;

/** One result of the suite. */
export interface ResultPlan {
  readonly name: string;
  readonly unit: string;
  readonly kind: TrafficKind;
  readonly ways: readonly WayName[];
  /** From the ways' costs in ns; a ratio of one round. */
  readonly ratio: (cost: (way: WayName) => number) => number;
}

/** Which of a kind's times counts: where the machine's other work shows in half of the exchanges, what the quicker quarter took. */
export const timeOf: Readonly<Record<TrafficKind, keyof Times>> = { rr: 'p50Ns', crr: 'p25Ns', bulk: 'p25Ns', udp: 'p25Ns' };

const vsPlain = 'x plain routing';
const vsBare = 'x bare redirect_peer';

/** How many times as quick `way` is as `baseline`. */
function quicker(name: string, kind: TrafficKind, way: WayName, baseline: 'plain' | 'bare'): ResultPlan {
  const unit = baseline === 'plain' ? vsPlain : vsBare;
  return { name, unit, kind, ways: [baseline, way], ratio: (cost) => cost(baseline) / cost(way) };
}

/** Those of the bars, and others that say what to think of them. */
export const resultPlans: readonly ResultPlan[] = [
  quicker('rr-same-cpu-vs-plain', 'rr', 'ours', 'plain'),
  quicker('rr-same-cpu-vs-bare-redirect', 'rr', 'ours', 'bare'),
  {
    name: 'forward-ns-vs-bare-redirect',
    unit: vsBare,
    kind: 'udp',
    ways: ['dropped', 'bare', 'ours'],
    ratio: (cost) => (cost('ours') - cost('dropped')) / (cost('bare') - cost('dropped')),
  },
  quicker('bulk-tcp-vs-plain', 'bulk', 'ours', 'plain'),
  quicker('crr-same-cpu-10k-services-vs-plain', 'crr', 'service', 'plain'),
  quicker('crr-same-cpu-vs-plain', 'crr', 'ours', 'plain'),
  quicker('rr-same-cpu-10k-services-vs-plain', 'rr', 'service', 'plain'),
  quicker('bare-redirect-rr-vs-plain', 'rr', 'bare', 'plain'),
  quicker('bare-redirect-crr-vs-plain', 'crr', 'bare', 'plain'),
  {
    name: 'plain-routing-forward-ns-vs-bare-redirect',
    unit: vsBare,
    kind: 'udp',
    ways: ['dropped', 'bare', 'plain'],
    ratio: (cost) => (cost('plain') - cost('dropped')) / (cost('bare') - cost('dropped')),
  },
  quicker('nft-crr-10k-services-vs-plain', 'crr', 'nft', 'plain'),
  quicker('iptables-crr-10k-services-vs-plain', 'crr', 'iptables', 'plain'),
];

/**
 * Plans whose ways are compared in the same runs: those of a kind; but `service` apart from `ours`, whose node's counters are the same.
 */
export function comparisonsOf(
  plans: readonly ResultPlan[],
): readonly { readonly kind: TrafficKind; readonly plans: readonly ResultPlan[] }[] {
  const groups = Map.groupBy(plans, ({ kind, ways }) => `${kind} ${ways.includes('service')}`);
  return [...groups.values()].map((group) => ({ kind: group[0]!.kind, plans: group }));
}

/** Median of the rounds' ratios; as the best, the ratio of what each way took in its own best round. */
export function ratioSpread({ ways, ratio }: ResultPlan, rounds: readonly Costs[]): Spread {
  const ratios = rounds.map((costs) => ratio((way) => costs[way]!));
  const best = Object.fromEntries(ways.map((way) => [way, Math.min(...rounds.map((costs) => costs[way]!))])) as Costs;
  return { median: spreadOf(ratios).median, best: ratio((way) => best[way]!) };
}

/** Each way's median of the rounds, in ns. */
export function medianCosts({ ways }: ResultPlan, rounds: readonly Costs[]): Costs {
  return Object.fromEntries(ways.map((way) => [way, spreadOf(rounds.map((costs) => costs[way]!)).median]));
}
