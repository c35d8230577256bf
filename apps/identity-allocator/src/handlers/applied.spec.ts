import { type Applied, type NodeReport, Reports } from '@myelin/identity-rules';
import { zeroRevision } from '@myelin/revision';
import { silentLog } from '@myelin/service';
import { describe, expect, it } from 'vitest';
import { awaitApplied, isAppliedByOthers } from './applied.ts';

const at = (counter: number): Applied => ({ identities: { incarnation: 1n, counter: BigInt(counter) }, endpoints: zeroRevision });
const live = (node: string, applied: Applied): NodeReport => ({
  node,
  atMs: 1000,
  registration: 5n,
  leaseMs: 15_000,
  applied,
  missed: at(0),
});

/** A replica that has heard `heard` up to order 3, while Redis has `written` up to `order`. */
function replica(heard: readonly NodeReport[], written: readonly NodeReport[], order: number) {
  const reports = new Reports();
  reports.takeAll(heard, 1000, performance.now(), 3);
  const registry = {
    report: async () => ({ outcome: 'ok' as const }),
    missed: async (_wanted: Applied, nodes: readonly string[]) => nodes,
    reports: async () => ({ nowMs: 1000, order, reports: written }),
  };
  return { reports, registry, store: { recovering: null }, appliedWithinMs: 50, log: silentLog };
}

const wanted = { node: 'a', identityRevision: at(2).identities, endpointRevision: undefined };
const never = AbortSignal.any([]);

describe('a replica that has not heard everything (C6)', () => {
  it('waits for a node whose registration it has not heard of', async () => {
    expect(await awaitApplied(replica([], [live('b', at(1))], 4), wanted, never)).toEqual({ late: ['b'] });
    expect(await awaitApplied(replica([], [live('b', at(2))], 4), wanted, never)).toEqual({ late: [] });
  });

  it('waits for a node whose lease it believes to be over', async () => {
    const dead = { ...live('b', at(1)), leaseMs: -1 };
    expect(await awaitApplied(replica([dead], [live('b', at(1))], 4), wanted, never)).toEqual({ late: ['b'] });
  });

  it('does not say that there is nobody to wait for', () => {
    const parts = replica([live('b', at(2))], [], 3);
    expect(isAppliedByOthers(parts, 'a', at(2).identities, 3)).toBe(true);
    expect(isAppliedByOthers(parts, 'a', at(2).identities, 4)).toBe(false);
  });
});
