import { describe, expect, it } from 'vitest';
import { readBars } from './bars.ts';
import { type Measurement, report } from './result.ts';

const bars = {
  cheap: { unit: 'Y', now: 0.8, max: 0.35 },
  ratio: { unit: 'x plain', now: 1.08, min: 1.11 },
  later: { unit: 'Y', now: null, max: 2 },
  only: { unit: 'Y', max: 1 },
};
const all = { only: null, reasonOf: (name: string) => `not built yet: ${name}` };

function measurement(measured: Measurement['measured'], otherLoad = 0): Measurement {
  return { yardsticks: { Y: { median: 60, best: 50 + 8 } }, otherLoad, measured };
}

const sample = (name: string, median: number, best: number) => ({ name, raw: { median, best }, evidence: 'counted' });

describe('a report', () => {
  it('gives values in multiples of the yardstick of the same run', () => {
    const { yardsticks, results } = report('datapath', bars, measurement([sample('cheap', 27, 29)]), all);
    expect(yardsticks).toEqual({ Y: { medianNs: 60, bestNs: 58 } });
    expect(results[0]).toEqual({
      name: 'cheap',
      unit: 'Y',
      value: 0.45,
      best: 0.5,
      raw: { medianNs: 27, bestNs: 29 },
      bar: { now: 0.8, max: 0.35 },
      ok: true,
      final: false,
      evidence: 'counted',
    });
  });

  it('leaves other units as they are, and knows bars that must be reached', () => {
    const { results } = report('lab', bars, measurement([sample('ratio', 1.09, 1.2)]), all);
    expect(results.find(({ name }) => name === 'ratio')).toMatchObject({
      value: 1.09,
      raw: { median: 1.09, best: 1.2 },
      ok: true,
      final: false,
    });
  });

  it('asks nothing where the bar of this stage is null, and the end where there is none', () => {
    const { results } = report('datapath', bars, measurement([sample('later', 60, 58), sample('only', 90, 87)]), all);
    expect(results.find(({ name }) => name === 'later')).toMatchObject({ ok: null, final: true });
    expect(results.find(({ name }) => name === 'only')).toMatchObject({ ok: false, final: false });
  });

  it('holds bars against the best round, and says so, where others used the machine', () => {
    const measured = [sample('cheap', 60, 29)];
    expect(report('datapath', bars, measurement(measured), all)).toMatchObject({
      judgedBy: 'median',
      results: [{ ok: false }, {}, {}, {}],
    });
    const loaded = report('datapath', bars, measurement(measured, 0.4), all);
    expect(loaded).toMatchObject({ judgedBy: 'best', otherLoad: 0.4, results: [{ ok: true }, {}, {}, {}] });
  });

  it('lists what is not built with its reason, and what failed as missed', () => {
    const { results } = report('datapath', bars, measurement([{ name: 'cheap', reason: 'failed: no packet came' }]), all);
    expect(results[0]).toMatchObject({ value: null, ok: false, reason: 'failed: no packet came' });
    expect(results[1]).toMatchObject({ value: null, ok: null, final: null, reason: 'not built yet: ratio' });
  });

  it('lists results beyond the bars last, and no others than those asked for', () => {
    const measured = measurement([sample('extra', 6, 6), sample('cheap', 6, 6)]);
    expect(report('datapath', bars, measured, all).results.map(({ name }) => name)).toEqual(['cheap', 'ratio', 'later', 'only', 'extra']);
    const asked = report('datapath', bars, measured, { ...all, only: ['extra'] });
    expect(asked.results).toMatchObject([{ name: 'extra', unit: 'Y', bar: null, ok: null }]);
  });
});

describe('the bars', () => {
  it('are those of all suites, each with a unit and an end', () => {
    const suites = readBars();
    expect(Object.keys(suites)).toEqual(['datapath', 'lab', 'policy', 'loadbalancing', 'l7', 'observability']);
    for (const bar of Object.values(suites).flatMap((suite) => Object.values(suite))) {
      expect(bar.unit).not.toBe('');
      expect(bar.max ?? bar.min).toBeTypeOf('number');
    }
  });
});
