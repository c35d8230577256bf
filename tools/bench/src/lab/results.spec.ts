import { describe, expect, it } from 'vitest';
import { readBars } from '../bars.ts';
import { type Costs, comparisonsOf, medianCosts, ratioSpread, resultPlans } from './results.ts';

const plan = (name: string) => resultPlans.find((one) => one.name === name)!;

describe('the results of suite lab', () => {
  it('are those of the bars, each in its unit', () => {
    const missing = Object.entries(readBars().lab!).filter(([name, { unit }]) => plan(name)?.unit !== unit);
    expect(missing.map(([name]) => name)).toEqual([]);
  });

  it('compare what ways took in the same round, so that a slow round of both changes nothing', () => {
    const rounds: Costs[] = [
      { plain: 110, ours: 100 },
      { plain: 330, ours: 300 },
      { plain: 220, ours: 200 },
    ];
    const { median, best } = ratioSpread(plan('rr-same-cpu-vs-plain'), rounds);
    expect(median).toBeCloseTo(1.1);
    expect(best).toBeCloseTo(1.1);
    expect(medianCosts(plan('rr-same-cpu-vs-plain'), rounds)).toEqual({ plain: 220, ours: 200 });
  });

  it('never have two ways over one node in one run: its counters would be evidence of neither', () => {
    const groups = comparisonsOf(resultPlans);
    const names = (plans: typeof resultPlans) => plans.map(({ name }) => name).toSorted();
    expect(names(groups.flatMap(({ plans }) => plans))).toEqual(names(resultPlans));
    for (const { plans } of groups) {
      const ways = new Set(plans.flatMap((one) => one.ways));
      expect(ways.has('ours') && ways.has('service')).toBe(false);
    }
  });

  it('take the best of each way, also where they were in different rounds', () => {
    const rounds: Costs[] = [
      { plain: 110, ours: 130 },
      { plain: 150, ours: 100 },
    ];
    expect(ratioSpread(plan('rr-same-cpu-vs-plain'), rounds).best).toBeCloseTo(1.1);
  });

  it('take off what a datagram costs before it is forwarded', () => {
    const { median } = ratioSpread(plan('forward-ns-vs-bare-redirect'), [{ dropped: 3000, bare: 3200, ours: 3300 }]);
    expect(median).toBeCloseTo(1.5);
  });
});
