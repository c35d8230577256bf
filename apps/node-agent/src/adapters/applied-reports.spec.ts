import { MyelinError, silentLog } from '@myelin/service';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppliedReports } from './applied-reports.ts';
import type { AppliedRevisions } from './identity-session.ts';

const at = (counter: number) => ({ incarnation: 1n, counter: BigInt(counter) });
let sent: AppliedRevisions[];
/** The report that is under way, to be answered. */
let underWay: PromiseWithResolvers<void>;
let reports: AppliedReports;
beforeEach(() => {
  sent = [];
  const report = (applied: AppliedRevisions) => {
    sent.push(applied);
    underWay = Promise.withResolvers();
    return underWay.promise;
  };
  reports = new AppliedReports({ session: { report }, log: silentLog, everyMs: 60_000 });
  reports.start();
});
afterEach(() => reports.stop());

it('C6: one report at a time, each with the newest of all that was applied meanwhile', async () => {
  expect(sent).toEqual([{}]);
  for (const counter of [1, 2, 3]) reports.identitiesApplied(at(counter));
  reports.endpointsApplied(at(7));
  underWay.resolve();
  await expect.poll(() => sent.length).toBe(2);
  expect(sent[1]).toEqual({ identities: at(3), endpoints: at(7) });
  underWay.resolve();
  reports.again();
  await expect.poll(() => sent.length).toBe(3);
  expect(sent[2]).toEqual(sent[1]);
});

it('a report that failed is made again, with what has been applied since', async () => {
  underWay.reject(new MyelinError('unavailable', 'gone'));
  reports.endpointsApplied(at(7));
  await expect.poll(() => sent.length).toBe(2);
  expect(sent[1]).toEqual({ endpoints: at(7) });
});

it('stops in the middle of a report that nobody answers', async () => {
  await reports.stop();
  expect(sent).toHaveLength(1);
});
