import { describe, expect, it } from 'vitest';
import {
  advance,
  createEndpoint,
  type EndpointEvent,
  type EndpointRecord,
  heldBy,
  isConfirmed,
  isCutOff,
  resume,
  subjectsOf,
} from './endpoint.ts';
import { assignment, spec } from './testing/endpoint.ts';

const first = createEndpoint(spec, ['10.1.0.1'], 3).record!;
/** The record after events; fails when one of them takes it away. */
const after = (...events: EndpointEvent[]): EndpointRecord => events.reduce((record, event) => advance(record, event).record!, first);
const linked: EndpointEvent = { kind: 'linked' };
const identified = (identity: number): EndpointEvent => ({ kind: 'identified', assignment: assignment(identity) });
const settled = (identity: number): EndpointEvent => ({ kind: 'settled', identity, published: { incarnation: 1n, counter: 9n } });
const applied = (identity: number): EndpointEvent => ({ kind: 'policy-applied', identity });
const ready = after(linked, identified(300), applied(300));

describe('a new endpoint', () => {
  it('makes its link and asks for its identity at the same time', () => {
    expect(createEndpoint(spec, ['10.1.0.1'], 3).effects).toEqual(['link', 'identify']);
  });
  it('waits for policy only once both are there, in whichever order they come', () => {
    expect(advance(first, linked)).toMatchObject({ record: { state: 'creating' }, effects: [] });
    expect(advance(after(linked), identified(300))).toMatchObject({ record: { state: 'waiting-for-policy' }, effects: ['await-policy'] });
    expect(advance(after(identified(300)), linked)).toMatchObject({ record: { state: 'waiting-for-policy' }, effects: ['await-policy'] });
  });
  it('is enforced when the policy of its own identity has been applied, and not before', () => {
    expect(advance(after(linked, identified(300)), applied(301)).effects).toEqual([]);
    expect(advance(after(identified(300)), applied(300)).effects).toEqual([]);
    expect(advance(after(linked, identified(300)), applied(300))).toMatchObject({
      record: { state: 'ready', inForce: { identity: 300 } },
      effects: ['enforce'],
    });
  });
});

describe('a relabelled endpoint', () => {
  const relabelled = advance(ready, {
    kind: 'updated',
    spec: { ...spec, labels: { app: 'other' }, netns: '/other', addresses: ['10.9.9.9'] },
  });
  it('asks for a new identity and keeps the old one in force meanwhile', () => {
    expect(relabelled).toMatchObject({
      record: { assigned: null, inForce: { identity: 300 }, state: 'waiting-for-policy' },
      effects: ['identify'],
    });
  });
  it('stays in the namespace and at the addresses that it was made with', () => {
    expect(relabelled.record!.spec).toMatchObject({ labels: { app: 'other' }, netns: spec.netns, addresses: [] });
  });
  it('changes over when the new policy has been applied', () => {
    const waiting = advance(relabelled.record!, identified(301)).record!;
    expect(advance(waiting, applied(301))).toMatchObject({
      record: { inForce: { identity: 301 }, state: 'ready', settled: false },
      effects: ['enforce', 'settle'],
    });
  });
  it('gives the old number back after it has changed over, not before, and then never again', () => {
    const changed = advance(advance(relabelled.record!, identified(301)).record!, applied(301)).record!;
    const done = advance(changed, settled(301));
    expect(done).toMatchObject({ record: { settled: true, state: 'ready' }, effects: [] });
    expect(resume(done.record!, true).effects).toEqual(['enforce']);
  });
  it('has no published number until its addresses have followed', () => {
    const changed = advance(advance(relabelled.record!, identified(301)).record!, applied(301)).record!;
    expect(ready.inForce!.published).toEqual(assignment(300).published);
    expect(changed.inForce).toMatchObject({ identity: 301, published: null });
    expect(advance(changed, settled(301)).record!.inForce!.published).toEqual({ incarnation: 1n, counter: 9n });
  });
  it('is not settled by what was said of another number', () => {
    const changed = advance(advance(relabelled.record!, identified(301)).record!, applied(301)).record!;
    expect(advance(changed, settled(300)).record!.settled).toBe(false);
    const again = advance(changed, { kind: 'updated', spec }).record!;
    expect(advance(again, settled(301)).record!.settled).toBe(false);
  });
  it('is ready at once when its labels give the same number; what was asked for between is given back', () => {
    expect(advance(relabelled.record!, identified(300))).toMatchObject({ record: { state: 'ready' }, effects: ['settle'] });
  });
});

describe('a deleted endpoint', () => {
  it('is detached before it is released, and forgotten after that', () => {
    const deleting = advance(ready, { kind: 'delete' });
    expect(deleting).toMatchObject({ record: { state: 'deleting' }, effects: ['detach'] });
    const detached = advance(deleting.record!, { kind: 'detached' });
    expect(detached).toMatchObject({ record: { linked: false, inForce: null }, effects: ['release'] });
    expect(advance(detached.record!, { kind: 'released' })).toEqual({ record: null, effects: ['forget'] });
  });
  it('is not brought back by an answer that comes late', () => {
    const deleting = advance(first, { kind: 'delete' }).record!;
    for (const event of [linked, identified(300), applied(300)]) expect(advance(deleting, event).effects).toEqual([]);
  });
});

describe('resume', () => {
  it('does again what was under way', () => {
    expect(resume(first, false).effects).toEqual(['link', 'identify']);
    expect(resume(after(identified(300)), false).effects).toEqual(['link']);
    expect(resume(after(linked), true).effects).toEqual(['identify']);
    expect(resume(after(linked, identified(300)), true).effects).toEqual(['await-policy']);
    expect(resume(advance(ready, { kind: 'delete' }).record!, true).effects).toEqual(['detach']);
  });
  it('enforces a ready endpoint again as it was', () => {
    expect(resume(ready, true)).toEqual({ record: ready, effects: ['enforce'] });
  });
  it('goes on with a relabelling, the old identity in force', () => {
    const waiting = after(linked, identified(300), applied(300), { kind: 'updated', spec }, identified(301));
    expect(resume(waiting, true).effects).toEqual(['enforce', 'await-policy']);
  });
  it('gives the old number back where that was not done, or not known to be done', () => {
    const changed = after(linked, identified(300), applied(300), { kind: 'updated', spec }, identified(301), applied(301));
    expect(resume(changed, true).effects).toEqual(['enforce', 'settle']);
  });
  it('reports an endpoint whose interface has gone, and does nothing in the kernel for it', () => {
    expect(resume(ready, false)).toMatchObject({ record: { state: 'failed', linked: false, inForce: null }, effects: [] });
  });
});

describe('subjectsOf', () => {
  it('names what is in force and what is waited for, once each, and nothing of what is going', () => {
    const waiting = after(linked, identified(300), applied(300), { kind: 'updated', spec }, identified(299));
    const deleting = advance(after(linked, identified(400)), { kind: 'delete' }).record!;
    expect(subjectsOf([ready, waiting, deleting, first])).toEqual([299, 300]);
  });
});

describe('C1: an endpoint whose number may be another set’s by now', () => {
  const claiming = advance(ready, { kind: 'disowned' }).record!;

  it('claims it again and goes on as it, and is confirmed when it is given it', () => {
    expect(advance(ready, { kind: 'disowned' }).effects).toEqual(['identify']);
    expect(claiming.inForce?.identity).toBe(300);
    expect(advance(claiming, identified(300))).toMatchObject({
      record: { state: 'ready', inForce: { identity: 300 } },
      effects: ['settle'],
    });
    const isConfirmedThen = [ready, claiming, advance(claiming, identified(300)).record!, first].map(isConfirmed);
    expect(isConfirmedThen).toEqual([true, false, true, true]);
    expect(isConfirmed(advance(claiming, { kind: 'delete' }).record!)).toBe(true);
  });

  it('stops at once when it is given another one, and speaks as that when its policy is there', () => {
    const { record, effects } = advance(claiming, identified(301));
    expect(effects).toEqual(['cut-off', 'await-policy']);
    expect(record).toMatchObject({ inForce: null, state: 'waiting-for-policy' });
    expect([isConfirmed(record!), isCutOff(record!)]).toEqual([true, false]);
    expect(advance(record!, applied(301))).toMatchObject({ record: { inForce: { identity: 301 } }, effects: ['enforce', 'settle'] });
  });

  it('is cut off when it is refused for good, says why, and comes back with an answer', () => {
    const { record, effects } = advance(claiming, { kind: 'refused', message: 'taken' });
    expect(effects).toEqual(['cut-off']);
    expect(record).toMatchObject({ inForce: null, message: 'cut off: taken' });
    expect([isConfirmed(record!), isCutOff(record!)]).toEqual([true, true]);
    expect(advance(record!, { kind: 'refused', message: 'taken' }).effects).toEqual([]);
    expect(advance(record!, identified(300)).effects).toEqual(['await-policy']);
    expect(isCutOff(advance(record!, identified(300)).record!)).toBe(false);
  });

  it('is another thing than a relabelling: the number before that is still its own', () => {
    const relabelled = advance(ready, { kind: 'updated', spec }).record!;
    expect(isConfirmed(relabelled)).toBe(true);
    expect(advance(relabelled, { kind: 'refused', message: 'taken' })).toEqual({ record: relabelled, effects: [] });
    expect(advance(relabelled, identified(301))).toMatchObject({ record: { inForce: { identity: 300 } }, effects: ['await-policy'] });
    // It says so of no endpoint that never spoke.
    expect(isCutOff(advance(first, { kind: 'disowned' }).record!)).toBe(false);
  });

  it('is so after a restart, too', () => {
    expect(resume(claiming, true).record).toMatchObject({ disowned: true });
    expect(resume(claiming, true).effects).toEqual(['identify', 'enforce']);
    const cut = advance(claiming, { kind: 'refused', message: 'taken' }).record!;
    expect(resume(cut, true).effects).toEqual(['identify']);
  });
});

describe('C4: for an allocator that has lost its rows', () => {
  it('an endpoint claims what is in force and what it was given since; a new one is named, one that is going is not', () => {
    expect(heldBy([first])).toEqual([{ uid: 'uid-1', numbers: [] }]);
    const both = { ...first, inForce: assignment(300), assigned: assignment(301) };
    expect(heldBy([both])).toEqual([{ uid: 'uid-1', numbers: [assignment(300), assignment(301)] }]);
    expect(heldBy([{ ...both, assigned: both.inForce }])[0]!.numbers).toEqual([assignment(300)]);
    expect(heldBy([{ ...both, state: 'deleting' }])).toEqual([]);
  });
});
