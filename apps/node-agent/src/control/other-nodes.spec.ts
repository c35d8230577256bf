import { assignment } from '@myelin/identity-rules/testing';
import { Metrics, MyelinError, silentLog } from '@myelin/service';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AppliedRevisions } from '../adapters/identity-session.ts';
import { OtherNodes } from './other-nodes.ts';

// What is asked of the allocator, and how it answers, in the order of the questions.
let asked: AppliedRevisions[];
let answers: PromiseWithResolvers<readonly string[]>[];
let over: number;
beforeEach(() => {
  [asked, answers, over] = [[], [], 0];
});

function nodes(isNative = false): OtherNodes {
  const awaitApplied = (wanted: AppliedRevisions) => {
    const answer = Promise.withResolvers<readonly string[]>();
    asked.push(wanted);
    answers.push(answer);
    return answer.promise;
  };
  return new OtherNodes({ session: { awaitApplied }, isNative, log: silentLog, meter: new Metrics('test').meter });
}
const onOver = () => {
  over += 1;
};
const settled = () => new Promise((resolve) => setImmediate(resolve));
const never = AbortSignal.any([]);
const web = { assignment: assignment(300), isAppliedByOthers: false };

describe('an endpoint', () => {
  it('with a number that others have applied waits for nobody, and nobody is asked (C6)', () => {
    const others = nodes();
    others.begin('a', { ...web, isAppliedByOthers: true }, false, never, onOver);
    expect([others.standing('a', web.assignment)?.isOver, over, asked]).toEqual([true, 1, []]);
  });

  it('waits until the others have applied its number, asked once (C6)', async () => {
    const others = nodes();
    expect(others.standing('a', web.assignment)).toBeNull();
    for (let times = 0; times < 2; times += 1) others.begin('a', web, false, never, onOver);
    expect([asked, others.standing('a', web.assignment)?.isOver]).toEqual([[{ identities: web.assignment.revision }], false]);
    answers[0]!.resolve([]);
    await settled();
    expect([others.standing('a', web.assignment), over]).toMatchObject([{ isOver: true, message: '' }, 1]);
    expect(others.standing('a', assignment(301))).toBeNull();
  });

  it('on a natively routed node waits for its addresses, too, also under a number that is known (C6)', () => {
    const others = nodes(true);
    others.begin('a', { ...web, isAppliedByOthers: true }, false, never, onOver);
    expect([asked, over]).toEqual([[{ identities: web.assignment.revision, endpoints: web.assignment.published }], 0]);
  });

  it('with addresses that were another endpoint’s waits until the others know whose they are (C5)', () => {
    const others = nodes();
    others.begin('a', { ...web, isAppliedByOthers: true }, true, never, onOver);
    expect([asked, over]).toEqual([[{ identities: web.assignment.revision, endpoints: web.assignment.published }], 0]);
  });

  it('goes on without those who are late, and where nobody can say, and tells so (C6)', async () => {
    const others = nodes();
    others.begin('a', web, false, never, onOver);
    others.begin('b', web, false, never, onOver);
    answers[0]!.resolve(['n2', 'n3']);
    answers[1]!.reject(new MyelinError('unavailable', 'gone'));
    await settled();
    expect([others.standing('a', web.assignment), others.standing('b', web.assignment), over]).toMatchObject([
      { isOver: true, message: 'n2, n3 had not applied identity 300 in time' },
      { isOver: true, message: 'it is not known which nodes have applied identity 300: gone' },
      2,
    ]);
  });

  it('that is relabelled or deleted meanwhile is not opened by the answer to the old question', async () => {
    const others = nodes();
    const given = new AbortController();
    others.begin('a', web, false, given.signal, onOver);
    given.abort();
    answers[0]!.resolve([]);
    await settled();
    expect([others.standing('a', web.assignment), over]).toEqual([null, 0]);
  });
});
