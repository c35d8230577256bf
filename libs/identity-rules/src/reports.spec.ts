import { describe, expect, it } from 'vitest';
import { type Applied, type NodeReport, Reports, readReport } from './reports.ts';

const at = (identities: number, endpoints = 0): Applied => ({
  identities: { incarnation: 1n, counter: BigInt(identities) },
  endpoints: { incarnation: 1n, counter: BigInt(endpoints) },
});
const said = (node: string, applied: Applied, more: Partial<NodeReport> = {}): NodeReport => ({
  node,
  atMs: 1000,
  registration: 5n,
  leaseMs: 15_000,
  applied,
  missed: at(0),
  ...more,
});
const reportsOf = (...reports: NodeReport[]) => {
  const all = new Reports();
  all.takeAll(reports, 1000, 0);
  return all;
};

describe('a node is waited for', () => {
  it('until it has applied what is wanted, each component by itself', () => {
    const reports = reportsOf(said('a', at(9, 9)), said('b', at(7, 9)), said('c', at(9, 3)));
    expect(reports.late(at(7), 'a', 0)).toEqual([]);
    expect(reports.late(at(8), 'a', 0)).toEqual(['b']);
    expect(reports.late(at(7, 4), 'a', 0)).toEqual(['c']);
    expect(reports.late(at(8, 4), 'a', 0)).toEqual(['b', 'c']);
  });

  it('but not by itself, nor when its lease is over', () => {
    const reports = reportsOf(said('a', at(1)), said('b', at(1), { leaseMs: 500 }));
    expect(reports.late(at(2), 'a', 499)).toEqual(['b']);
    expect(reports.late(at(2), 'a', 500)).toEqual([]);
    expect(reports.late(at(2), 'b', 500)).toEqual(['a']);
  });

  it('from its registration on, with nothing applied', () => {
    const reports = reportsOf(said('b', at(9)));
    reports.take(said('b', at(0), { registration: 6n }), 0);
    expect(reports.late(at(1), 'a', 0)).toEqual(['b']);
  });

  it('not again when it was missed, until it has reported that', () => {
    const reports = reportsOf(said('b', at(3), { missed: at(5) }));
    expect(reports.late(at(6), 'a', 0)).toEqual([]);
    reports.take(said('b', at(4), { missed: at(5) }), 0);
    expect(reports.late(at(6), 'a', 0)).toEqual([]);
    reports.take(said('b', at(5), { missed: at(5) }), 0);
    expect(reports.late(at(6), 'a', 0)).toEqual(['b']);
  });
});

describe('reports', () => {
  it('may come late or twice: nothing of a registration goes back, and an earlier registration says nothing', () => {
    const reports = reportsOf(said('b', at(5, 1)));
    reports.take(said('b', at(4, 2)), 0);
    expect(reports.late(at(5, 2), 'a', 0)).toEqual([]);
    reports.take(said('b', at(9, 9), { registration: 4n }), 0);
    expect(reports.late(at(9), 'a', 0)).toEqual(['b']);
  });

  it('that were read as a whole leave no others, but what was heard since stays', () => {
    const reports = reportsOf(said('b', at(1)), said('c', at(1)));
    reports.take(said('d', at(1), { atMs: 2001 }), 0);
    reports.take(said('b', at(3), { atMs: 2001 }), 0);
    reports.takeAll([said('b', at(2), { atMs: 2000 })], 2000, 0);
    expect(reports.late(at(4), 'a', 0)).toEqual(['b', 'd']);
    expect(reports.late(at(3), 'a', 0)).toEqual(['d']);
  });

  it('of a node that was taken away are gone, and it is not waited for; what it says afterwards stays', () => {
    const reports = reportsOf(said('b', at(1), { atMs: 1000 }), said('c', at(1), { atMs: 3000 }));
    reports.remove('b', 2000);
    reports.remove('c', 2000);
    expect(reports.late(at(2), 'a', 0)).toEqual(['c']);
  });

  it('are current from the first whole reading on, while they can be heard', () => {
    const reports = new Reports();
    expect(reports.isCurrent).toBe(false);
    reports.takeAll([], 0, 0);
    expect(reports.isCurrent).toBe(true);
    reports.lose();
    expect(reports.isCurrent).toBe(false);
  });

  it('wake whoever listens, until it doesn’t any more', () => {
    const reports = reportsOf();
    let heard = 0;
    const stop = reports.onChange(() => (heard += 1));
    reports.take(said('b', at(1)), 0);
    stop();
    reports.take(said('b', at(2)), 0);
    expect(heard).toBe(1);
  });
});

it('a record is read as it was written, and anything else is none', () => {
  expect(readReport(1000, 'b', '5 16000 1 7 1 3 1 1 0 0 0 2')).toEqual({
    ...said('b', at(7, 3)),
    missed: { identities: { incarnation: 0n, counter: 0n }, endpoints: { incarnation: 0n, counter: 2n } },
  });
  for (const text of ['', '-', '5 16000 1 7 1 3 1 1 0 0 0', '5 16000 1 7 1 3 1 1 0 0 0 x']) expect(readReport(0, 'b', text)).toBeNull();
});

describe('what has been heard', () => {
  it('is everything up to an order, and nothing beyond a gap before all is read again', () => {
    const reports = new Reports();
    reports.takeAll([], 1000, 0, 7);
    reports.take(said('a', at(1)), 0, 8);
    reports.remove('b', 1000, 9);
    expect([reports.hasHeard(9), reports.hasHeard(10)]).toEqual([true, false]);
    reports.take(said('a', at(2)), 0, 11);
    expect(reports.hasHeard(10)).toBe(false);
    reports.refresh([], 1000, 0, 11);
    expect(reports.hasHeard(11)).toBe(true);
  });

  it('is current only where somebody listens: reading alone does not make it so', () => {
    const reports = new Reports();
    reports.refresh([said('a', at(1))], 1000, 0, 1);
    expect(reports.isCurrent).toBe(false);
    expect(reports.late(at(2), 'b', 0)).toEqual(['a']);
  });
});
