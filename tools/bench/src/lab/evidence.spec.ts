import { describe, expect, it } from 'vitest';
import { type Reading, WayEvidence } from './evidence.ts';
import type { TrafficKind, WayName } from './results.ts';

function contradictions(way: WayName, kind: TrafficKind, count: number, moved: Reading): readonly string[] {
  const evidence = new WayEvidence(way, kind);
  const before = Object.fromEntries(Object.keys(moved).map((name) => [name, 1000]));
  evidence.add(count, before, Object.fromEntries(Object.entries(moved).map(([name, by]) => [name, 1000 + by])));
  return evidence.contradictions();
}

const stack = 'routed by the stack';
const ours: Reading = { [stack]: 0, taken: 0, 'flow hits': 20_000, 'flow inserts': 1, 'to a pod': 20_001, dropped: 0 };

describe('evidence of the way that traffic went', () => {
  it('is the stack, where plain routing is meant, and only there', () => {
    expect(contradictions('plain', 'rr', 10_000, { [stack]: 20_000 })).toEqual([]);
    expect(contradictions('plain', 'rr', 10_000, { [stack]: 10_000 })).toHaveLength(1);
    expect(contradictions('bare', 'rr', 10_000, { [stack]: 0 })).toEqual([]);
    expect(contradictions('bare', 'rr', 10_000, { [stack]: 20_000 })).toEqual([
      'bare: routed by the stack: 20000 for 10000 rr, expected at most 2',
    ]);
  });

  it('is hits of the flow table, where ours is meant', () => {
    expect(contradictions('ours', 'rr', 10_000, ours)).toEqual([]);
    expect(contradictions('ours', 'rr', 10_000, { ...ours, 'flow hits': 10_000 })).toHaveLength(1);
    expect(contradictions('ours', 'rr', 10_000, { ...ours, [stack]: 20_000 })).toHaveLength(1);
    expect(contradictions('ours', 'rr', 10_000, { ...ours, dropped: 3 })).toHaveLength(1);
    expect(contradictions('ours', 'rr', 10_000, { ...ours, 'flow inserts': 2 })).toHaveLength(1);
  });

  it('is an entry for each connection, where connections are opened', () => {
    const connections = { ...ours, 'flow hits': 90_000, 'flow inserts': 10_000, 'to a pod': 100_000 };
    expect(contradictions('ours', 'crr', 10_000, connections)).toEqual([]);
    expect(contradictions('ours', 'crr', 10_000, { ...connections, 'flow inserts': 9000 })).toHaveLength(1);
  });

  it('is every datagram, counted where it ends', () => {
    expect(contradictions('dropped', 'udp', 10_000, { [stack]: 0, taken: 10_000 })).toEqual([]);
    expect(contradictions('dropped', 'udp', 10_000, { [stack]: 0, taken: 9998 })).toHaveLength(1);
    expect(contradictions('dropped', 'udp', 10_000, { [stack]: 0 })).toHaveLength(1);
  });

  it('is a packet for every 64 KiB at least, where bytes stream', () => {
    expect(contradictions('plain', 'bulk', 1 << 20, { [stack]: 16 })).toEqual([]);
    expect(contradictions('plain', 'bulk', 1 << 20, { [stack]: 15 })).toHaveLength(1);
  });
});
