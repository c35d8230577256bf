import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, createEndpoint, type EndpointEvent, resume } from './endpoint.ts';
import { assignment, spec } from './testing/endpoint.ts';

const identity = fc.constantFrom(300, 301, 302);
const event: fc.Arbitrary<EndpointEvent> = fc.oneof(
  fc.constant<EndpointEvent>({ kind: 'linked' }),
  identity.map((number): EndpointEvent => ({ kind: 'identified', assignment: assignment(number) })),
  identity.map((number): EndpointEvent => ({ kind: 'policy-applied', identity: number })),
  fc.constant<EndpointEvent>({ kind: 'updated', spec }),
  fc.constant<EndpointEvent>({ kind: 'disowned' }),
  fc.constant<EndpointEvent>({ kind: 'refused', message: 'taken' }),
  fc.constant<EndpointEvent>({ kind: 'link-lost', message: 'gone' }),
  fc.constant<EndpointEvent>({ kind: 'delete' }),
  fc.constant<EndpointEvent>({ kind: 'detached' }),
  fc.constant<EndpointEvent>({ kind: 'released' }),
);
const runs = { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 50_000 : 1_000 };

describe('an endpoint under any order of events', () => {
  it('enforces nothing but an identity whose policy was applied after it was assigned, and only while it has a link', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let record = createEndpoint(spec, ['10.1.0.1'], 1).record;
        for (const next of events) {
          if (record === null) break;
          const before = record;
          const step = advance(before, next);
          record = step.record;
          if (step.effects.includes('enforce')) {
            expect(next).toEqual({ kind: 'policy-applied', identity: before.assigned!.identity });
            expect(record).toMatchObject({ linked: true, inForce: before.assigned, state: 'ready' });
          }
          if (record !== null && record.inForce !== null) expect(record.linked).toBe(true);
          if (record?.state === 'ready') expect(record.inForce).not.toBeNull();
        }
      }),
      runs,
    );
  });

  it('releases only what has been detached', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let record = createEndpoint(spec, ['10.1.0.1'], 1).record;
        let detached = false;
        for (const next of events) {
          if (record === null) break;
          const step = advance(record, next);
          if (next.kind === 'detached' && record.state === 'deleting') detached = true;
          if (step.effects.includes('release')) expect(detached).toBe(true);
          record = step.record;
        }
      }),
      runs,
    );
  });

  it('does after a restart what it would have gone on to do', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), identity, (events, number) => {
        let record = createEndpoint(spec, ['10.1.0.1'], 1).record;
        for (const next of events) if (record !== null) record = advance(record, next).record;
        fc.pre(record !== null && record.state !== 'deleting' && record.state !== 'failed');
        // Every effect that resume asks for succeeds, and so does whatever follows from it.
        let [current, effects] = [record!, [...resume(record!, record!.linked).effects]];
        for (let turns = 0; effects.length > 0 && turns < 20; turns++) {
          const effect = effects.shift()!;
          const answer: EndpointEvent | null =
            effect === 'link'
              ? { kind: 'linked' }
              : effect === 'identify'
                ? { kind: 'identified', assignment: assignment(number) }
                : effect === 'await-policy'
                  ? { kind: 'policy-applied', identity: current.assigned!.identity }
                  : null;
          if (answer === null) continue;
          const step = advance(current, answer);
          current = step.record!;
          effects.push(...step.effects);
        }
        expect(current.state).toBe('ready');
      }),
      runs,
    );
  });
});
