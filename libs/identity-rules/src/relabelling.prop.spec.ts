import fc from 'fast-check';
import { expect, it } from 'vitest';
import { advance, createEndpoint, type EndpointEffect, type EndpointRecord, type EndpointSpec, resume, type Step } from './endpoint.ts';
import { assignment, spec } from './testing/endpoint.ts';

/*
 * An endpoint, its allocator and its kernel while it is relabelled, its agent killed and started again, at every point between two calls. A call of a question that was given up either was carried out
 * by then or never is: the session's counter sees to that (C1; apps/identity-allocator has the tests).
 */

/** Labels number `n` have the identity 300 + n. */
const labelled = (n: number): EndpointSpec => ({ ...spec, labels: { n: `${n}` } });
const identityOf = ({ labels }: EndpointSpec) => 300 + Number(labels.n ?? 0);

/** What is still to be done for an effect, one call after the other. */
type Task = { readonly effect: EndpointEffect; readonly calls: (() => void)[] };

class World {
  record: EndpointRecord | null = null;
  /** Numbers that the allocator has for the endpoint; the first is what its addresses are published under. */
  held: number[] = [];
  /** Whom the kernel takes it for; null: nobody, it is cut off. */
  speaksAs: number | null = null;
  tasks: Task[] = [];

  constructor() {
    this.take(createEndpoint(labelled(0), ['10.1.0.1'], 1));
  }

  take({ record, effects }: Step): void {
    this.record = record;
    for (const effect of effects) this.#begin(effect);
    this.check();
  }

  /** Nobody speaks as a number, and nothing is published under one, that the allocator may give away. */
  check(): void {
    if (this.speaksAs !== null) expect(this.held).toContain(this.speaksAs);
  }

  /** Questions to the allocator are given up: the call that is under way was carried out, or never is. */
  giveUp(wasCarriedOut: boolean): void {
    for (const { effect, calls } of this.tasks)
      if ((effect === 'identify' || effect === 'settle') && wasCarriedOut && calls.length > 1) calls[0]!();
    this.tasks = this.tasks.filter(({ effect }) => effect !== 'identify' && effect !== 'settle');
  }

  relabel(n: number, wasCarriedOut: boolean): void {
    if (this.record === null || this.record.state === 'deleting') return;
    this.giveUp(wasCarriedOut);
    this.take(advance(this.record, { kind: 'updated', spec: labelled(n) }));
  }

  delete(wasCarriedOut: boolean): void {
    if (this.record === null) return;
    this.giveUp(wasCarriedOut);
    this.tasks = [];
    this.take(advance(this.record, { kind: 'delete' }));
  }

  crash(wasCarriedOut: boolean): void {
    this.giveUp(wasCarriedOut);
    this.tasks = [];
    if (this.record !== null) this.take(resume(this.record, this.record.linked));
  }

  /** The next call of a task. */
  step(choice: number): void {
    const task = this.tasks[choice % this.tasks.length];
    if (task === undefined) return;
    const call = task.calls.shift();
    if (task.calls.length === 0) this.tasks = this.tasks.filter((other) => other !== task);
    call?.();
    this.check();
  }

  #begin(effect: EndpointEffect): void {
    const event = (kind: 'linked' | 'detached' | 'released') => () => this.#dispatch({ kind });
    if (this.record === null) return;
    const record = this.record;
    const calls: Partial<Record<EndpointEffect, (() => void)[]>> = {
      link: [event('linked')],
      identify: [
        () => this.#allocate(record),
        () => this.#dispatch({ kind: 'identified', assignment: assignment(identityOf(record.spec)) }),
      ],
      'await-policy': [() => this.#dispatch({ kind: 'policy-applied', identity: record.assigned!.identity })],
      settle: this.#settling(record),
      detach: [
        () => {
          this.speaksAs = null;
        },
        event('detached'),
      ],
      release: [
        () => {
          this.held = [];
        },
        event('released'),
      ],
    };
    // Before the next thing happens, as EndpointKernel.enforce does.
    if (effect === 'enforce') this.speaksAs = record.inForce!.identity;
    else this.tasks.push({ effect, calls: calls[effect] ?? [] });
  }

  #settling({ inForce }: EndpointRecord): (() => void)[] {
    const identity = inForce?.identity ?? 0;
    return [
      () => {
        expect(this.held).toContain(identity);
        this.held = [identity, ...this.held.filter((number) => number !== identity)];
      },
      () => {
        expect(this.held[0]).toBe(identity);
        this.held = [identity];
      },
      () => this.#dispatch({ kind: 'settled', identity, published: { incarnation: 1n, counter: 1n } }),
    ];
  }

  #allocate({ spec: asked }: EndpointRecord): void {
    if (!this.held.includes(identityOf(asked))) this.held.push(identityOf(asked));
  }

  #dispatch(event: Parameters<typeof advance>[1]): void {
    if (this.record !== null) this.take(advance(this.record, event));
  }
}

const carriedOut = fc.boolean();
const move = fc.oneof(
  { weight: 8, arbitrary: fc.nat(20).map((choice) => (world: World) => world.step(choice)) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(2), carriedOut).map(
      ([n, was]) =>
        (world: World) =>
          world.relabel(n, was),
    ),
  },
  { weight: 2, arbitrary: carriedOut.map((was) => (world: World) => world.crash(was)) },
);
const runs = { numRuns: process.env.MYELIN_NIGHTLY === '1' ? 100_000 : 2_000 };

function finish(world: World): void {
  for (let turns = 0; world.tasks.length > 0; turns++) {
    expect(turns).toBeLessThan(100);
    world.step(0);
  }
}

it('C1: whatever is relabelled and killed when, nobody speaks as a number that the allocator may give away, and in the end it holds the one in force', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const world = new World();
      for (const act of moves) act(world);
      finish(world);
      const identity = identityOf(world.record!.spec);
      expect(world).toMatchObject({ held: [identity], speaksAs: identity, record: { state: 'ready', settled: true } });
    }),
    runs,
  );
});

it('C1: an endpoint that is deleted in the middle of it leaves no number behind', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), carriedOut, fc.array(move, { maxLength: 10 }), (before, was, after) => {
      const world = new World();
      for (const act of before) act(world);
      world.delete(was);
      for (const act of after) act(world);
      finish(world);
      expect(world).toMatchObject({ held: [], speaksAs: null, record: null });
    }),
    runs,
  );
});
