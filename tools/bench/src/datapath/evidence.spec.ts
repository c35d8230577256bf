import { describe, expect, it } from 'vitest';
import { type CounterName, type Counts, Evidence } from './evidence.ts';

const forwarded: CounterName = 'forwarded FORWARD_TO_ENDPOINT egress';
const counts = (entries: Partial<Record<CounterName, number>>): Counts =>
  new Map(Object.entries(entries).map(([name, count]) => [name as CounterName, BigInt(count ?? 0)]));

function hits(): Evidence {
  return new Evidence({ 'flow hits': 1, [forwarded]: 1, 'events sent': 'seldom' });
}

describe('evidence', () => {
  it('holds when the counters moved once for each packet, whatever they said before', () => {
    const evidence = hits();
    evidence.add(100, counts({ 'flow hits': 7, 'stale flows': 3 }), counts({ 'flow hits': 107, 'stale flows': 3, [forwarded]: 100 }));
    evidence.add(50, counts({ 'flow hits': 107, [forwarded]: 100 }), counts({ 'flow hits': 157, [forwarded]: 150 }));
    expect(evidence.contradictions()).toEqual([]);
    expect(`${evidence}`).toBe(`150 packets: 150 flow hits, 150 ${forwarded}`);
  });

  it('is contradicted by a counter that stood still, one that moved without being expected, and one that moved too often', () => {
    const evidence = hits();
    evidence.add(1000, counts({}), counts({ [forwarded]: 1000, 'flow inserts': 1000, 'events sent': 20 }));
    expect(evidence.contradictions()).toEqual([
      'flow inserts: 1000 for 1000 packets, expected 0',
      'events sent: 20 for 1000 packets, expected fewer than one in a hundred',
      'flow hits: 0 for 1000 packets, expected 1000',
    ]);
  });

  it('lets one packet in ten thousand be an exception, no more', () => {
    const evidence = hits();
    evidence.add(20_000, counts({}), counts({ 'flow hits': 19_998, [forwarded]: 20_000, 'stale flows': 2 }));
    expect(evidence.contradictions()).toEqual([]);
    evidence.add(1, counts({}), counts({ [forwarded]: 1 }));
    expect(evidence.contradictions()).toHaveLength(1);
  });

  it('is none without a packet', () => {
    expect(hits().contradictions()).not.toEqual([]);
  });
});
