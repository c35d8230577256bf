import type { BalancerEvent } from '@myelin/loadbalancing';
import { event } from '@myelin/loadbalancing/testing';
import { encodeService, encodeSlice } from '@myelin/loadbalancing-wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BalancedState, type ServiceBatch } from './balanced-state.ts';

type Row = ServiceBatch['changed'][number];

/** What an event does to the rows of the stream. */
function changeOf(one: BalancerEvent): { readonly key: string; readonly row: Row | null } {
  const object = 'service' in one ? one.service : one.slice;
  const key = `${'service' in one ? 'Service' : 'EndpointSlice'}/${object.namespace}/${object.name}`;
  switch (one.kind) {
    case 'service-put':
      return { key, row: { key, row: { object: { $case: 'service', value: encodeService(one.service) } } } };
    case 'slice-put':
      return { key, row: { key, row: { object: { $case: 'endpointSlice', value: encodeSlice(one.slice) } } } };
    default:
      return { key, row: null };
  }
}

const revision = { incarnation: 1n, counter: 1n };

/** A batch as streams hand it over: every key once. */
function batchOf(events: readonly BalancerEvent[]): ServiceBatch {
  const last = new Map(events.map((one) => Object.values(changeOf(one)) as [string, Row | null]));
  const changed = [...last.values()].filter((row) => row !== null);
  const removed = [...last].filter(([, row]) => row === null).map(([key]) => ({ key }));
  return { changed, removed, revision };
}

it('is the state of a fresh start, whatever happened before, in whatever batches', () => {
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 8 }), { maxLength: 8, size: 'max' }), fc.boolean(), (batches, backwards) => {
      const walked = new BalancedState();
      for (const events of batches) walked.apply(batchOf(events));
      const { changed } = batchOf(batches.flat());
      const fresh = new BalancedState();
      fresh.apply({ changed: backwards ? changed.toReversed() : changed, removed: [], revision });
      expect(walked.list(null, null)).toEqual(fresh.list(null, null));
      expect([walked.serviceCount, walked.frontendCount]).toEqual([fresh.serviceCount, fresh.frontendCount]);
      expect(walked.frontendCount).toBe(fresh.list(null, null).reduce((sum, { row }) => sum + row.frontends.length, 0));
    }),
    { numRuns: process.env.MYELIN_NIGHTLY ? 3000 : 150 },
  );
});
