import type { Measured } from '../result.ts';
import { type Sample, type Spread, spreadOf, spreadOfDifference } from '../statistics.ts';
import type { BenchNode } from './node.ts';
import { Path } from './path.ts';
import { type PathPlan, pathPlans, type Sizes } from './paths.ts';
import { serviceCount } from './services.ts';

/** A result that says how many times as dear a path is with so many services as with one. */
export interface ComparisonPlan {
  readonly name: string;
  /** Of `pathPlans`. */
  readonly of: string;
}

export const comparisonPlans: readonly ComparisonPlan[] = [
  { name: 'service-established-forward-1-vs-10k', of: 'service-established-forward' },
  { name: 'service-established-reply-1-vs-10k', of: 'service-established-reply' },
];

/** With how many services each round measures, in this order: a drift of the machine over the round meets both alike. */
const turns = [serviceCount, 1, 1, serviceCount] as const;
/** Times a turn measures each path: what is lowest counts, as a neighbour that took the processor says nothing about a packet. */
const tries = 16;
/** Packets of a try: a millisecond or two, so that some tries go by undisturbed on a busy machine too. */
const packets = 16384;

/** What a path took in one round, by the number of services. */
export type Costs = Readonly<Record<1 | typeof serviceCount, readonly Sample[]>>;

interface Compared {
  readonly plan: ComparisonPlan;
  readonly path: Path;
  /** A round each. */
  readonly rounds: Costs[];
}

/**
 * The same connection, program and maps while the number of services changes: two nodes, each with a program of its own, differ by up to a fifth without any reason that is in the program, as its code and its
 * entries lie elsewhere in memory.
 */
export class Comparison {
  readonly #node: BenchNode;
  readonly #compared: readonly Compared[];

  private constructor(node: BenchNode, compared: readonly Compared[]) {
    this.#node = node;
    this.#compared = compared;
  }

  /** `node`: one that has all the services, as paths with services have. */
  static async make(node: BenchNode, plans: readonly ComparisonPlan[], sizes: Sizes): Promise<Comparison> {
    const compared: Compared[] = [];
    for (const plan of plans) {
      const path = new Path({ node, ...(await pathOf(plan).make(node, { ...sizes, packets })) });
      compared.push({ plan, path, rounds: [] });
    }
    return new Comparison(node, compared);
  }

  /** Leaves the node with all its services. */
  async measureRound(cpu: number): Promise<void> {
    const costs = this.#compared.map(() => ({ 1: [] as Sample[], [serviceCount]: [] as Sample[] }));
    for (const count of turns) {
      await this.#node.serve(count);
      for (let time = 0; time < tries; time++)
        for (const [at, { path }] of this.#compared.entries()) costs[at]![count]!.push(await path.measure(cpu));
    }
    for (const [at, { rounds }] of this.#compared.entries()) rounds.push(costs[at]!);
  }

  measured(): readonly Measured[] {
    return this.#compared.map(({ plan: { name }, path: { evidence }, rounds }): Measured => {
      const contradictions = evidence.contradictions();
      if (contradictions.length > 0) return { name, reason: `packets went another way than meant: ${contradictions.join('; ')}` };
      return { name, unit: 'x', raw: ratioSpread(rounds), parts: bestCosts(rounds), evidence: `${evidence}` };
    });
  }
}

function pathOf({ of }: ComparisonPlan): PathPlan {
  return pathPlans.find(({ name }) => name === of)!;
}

const costOf = (samples: readonly Sample[]) => spreadOfDifference(samples).best;

/** Median of the rounds' ratios; as the best, the ratio of what either took at its best. */
export function ratioSpread(rounds: readonly Costs[]): Spread {
  const { median } = spreadOf(rounds.map((costs) => costOf(costs[serviceCount]) / costOf(costs[1])));
  const { oneServiceNs, allServicesNs } = bestCosts(rounds);
  return { median, best: allServicesNs / oneServiceNs };
}

function bestCosts(rounds: readonly Costs[]): { readonly oneServiceNs: number; readonly allServicesNs: number } {
  const all = (count: keyof Costs) => costOf(rounds.flatMap((costs) => costs[count]));
  return { oneServiceNs: all(1), allServicesNs: all(serviceCount) };
}
