import { describe, expect, it } from 'vitest';
import { Violation } from './schedule.ts';
import {
  AcceptsAnyway,
  AcknowledgedAnyway,
  ConditionOnKey,
  CountsFromRemoval,
  carriesAll,
  NoLength,
  neverReconciles,
  OneBucket,
  PurgesTheLast,
  SameNameAfterLoss,
  WholeAtOnce,
} from './testing/mutants.ts';
import { Scenario } from './testing/scenario.ts';
import type { Mutation } from './world.ts';

// Each scenario is a counterexample of control-plane.md (or one that the simulator found) that a rule keeps out: with the rule it ends well, and with the rule
// taken out it is seen to go wrong.

const minuteMs = 60_000;

interface Told {
  readonly name: string;
  readonly without: Mutation;
  readonly happens: (scenario: Scenario) => void;
}

const told: readonly Told[] = [
  {
    name: 'C2: a relay reads "absent" and pauses over an hour; put, tombstone, purge; it wakes and puts',
    without: { nats: ConditionOnKey },
    happens: (scenario) => {
      const { a, b, x } = scenario;
      scenario.publish(a);
      scenario.change(a, 'k=1');
      scenario.untilAbout(a, 'write');
      scenario.pass(5000);
      scenario.change(b, 'k', 'z=1');
      scenario.publish(b, x);
      scenario.sweep(b);
      scenario.pass(61 * minuteMs);
      scenario.until([b], () => !scenario.world.nats.contents(scenario.world.nats.list()[0]!).entries.has('k'));
      scenario.untilAbout(a, 'wait');
    },
  },
  {
    name: 'C2: NATS is emptied: its sequences restart, and a condition from before fits again',
    without: { redis: SameNameAfterLoss },
    happens: (scenario) => {
      const { a, b } = scenario;
      scenario.change(a, 'a=1');
      scenario.publish(a);
      scenario.change(a, 'a=2');
      scenario.publish(a);
      scenario.change(a, 'b=old');
      scenario.untilAbout(a, 'write');
      scenario.world.wipeNats();
      scenario.pass(5000);
      scenario.change(b, 'b=new');
      scenario.publish(b);
      scenario.untilAbout(a, 'hold lease');
    },
  },
  {
    name: 'C2: NATS is emptied between rows and marker: the marker lands, and live rows are swept',
    without: { redis: SameNameAfterLoss },
    happens: (scenario) => {
      const { a, b, x } = scenario;
      scenario.change(a, 'a=1', 'b=1', 'c=1', 'd=1', 'e=1', 'f=1');
      scenario.publish(a, x);
      scenario.world.wipeNats();
      const isAtMarker = () => a.relay.state.does === 'write' && a.relay.state.writes[0]?.entry.type === 'end';
      scenario.until([a], isAtMarker);
      scenario.world.wipeNats();
      scenario.pass(5000);
      scenario.change(b, 'g=1', 'h=1', 'a=2', 'b=2');
      const isHalfDone = () => b.relay.state.does === 'acknowledge' && b.relay.state.place.sequence === 6;
      scenario.until([b], isHalfDone);
      scenario.until([a], () => !isAtMarker());
      scenario.until(
        [x],
        () => scenario.world.nowMs > 0 && x.state.bucket!.number >= 1 && scenario.world.nextMs([x]) > scenario.world.nowMs + 4000,
      );
    },
  },
  {
    // What was not published is undone: the row is there again, in a bucket of its own, and whoever removed it is told by its return.
    name: 'C3: Redis is emptied with an unpublished tombstone: half of what comes back is taken for a state',
    without: { nats: OneBucket },
    happens: (scenario) => {
      const { a, x } = scenario;
      scenario.change(a, 'a=1', 'b=1', 'c=1', 'd=1');
      scenario.publish(a, x);
      scenario.change(a, 'a');
      scenario.world.wipeRedis();
      scenario.change(a, 'e=1');
      scenario.until([a, x], () => a.relay.state.does === 'acknowledge');
      scenario.untilIdle(x);
    },
  },
  {
    name: 'C4: a retried accept-empty runs in a later loss',
    without: { redis: AcceptsAnyway },
    happens: (scenario) => {
      const { a, x, world } = scenario;
      const isWaiting = () => world.redis.isRecovering && a.opening.state.does === 'wait';
      world.wipeNats();
      world.wipeRedis();
      scenario.until([a], isWaiting);
      const named = world.redis.incarnation!;
      world.acceptEmpty(named);
      scenario.change(a, 'a=1');
      scenario.publish(a, x);
      world.wipeNats();
      world.wipeRedis();
      scenario.until([a], () => isWaiting() && world.redis.incarnation! > named);
      world.acceptEmpty(named);
      scenario.pass(5000);
      scenario.until([a], () => world.nextMs([a]) > world.nowMs);
    },
  },
  {
    name: 'C4: half a bucket is taken for the whole',
    without: { nats: WholeAtOnce },
    happens: (scenario) => {
      const { a, y } = scenario;
      scenario.change(a, 'a=1', 'b=1', 'c=1', 'd=1', 'a=2');
      scenario.publish(a);
      scenario.world.wipeNats();
      scenario.untilAbout(a, 'acknowledge');
      scenario.untilIdle(y);
    },
  },
  {
    name: 'C3: a consumer sleeps over an hour and goes on where it was: the tombstone that it missed is purged',
    without: { mayResume: () => true },
    happens: (scenario) => {
      const { a, x } = scenario;
      scenario.change(a, 'k=1');
      scenario.publish(a, x);
      scenario.change(a, 'k', 'z=1');
      scenario.publish(a);
      scenario.sweep(a);
      scenario.pass(61 * minuteMs);
      scenario.until([a], () => !scenario.world.nats.contents(scenario.world.nats.list()[0]!).entries.has('k'));
    },
  },
  {
    name: 'C3: a tombstone is published more than an hour after the removal, while a consumer is busy with what came before',
    without: { redis: CountsFromRemoval },
    happens: (scenario) => {
      const { a, x } = scenario;
      scenario.change(a, 'k=1');
      scenario.publish(a, x);
      scenario.change(a, 'k');
      scenario.pass(61 * minuteMs);
      // Over the silence, x reads anew.
      scenario.untilIdle(x);
      scenario.change(a, 'z=1');
      scenario.publish(a);
      scenario.sweep(a);
      scenario.untilAbout(a, 'fetch');
    },
  },
  {
    name: 'C3: a relay acknowledges in a new incarnation what it wrote in the old one',
    // A round of reconciling would mend it later.
    without: { redis: AcknowledgedAnyway, decide: neverReconciles },
    happens: (scenario) => {
      const { a, b } = scenario;
      scenario.publish(a);
      scenario.change(a, 'a=1', 'b=1', 'c=1');
      scenario.untilAbout(a, 'acknowledge');
      scenario.world.wipeRedis();
      scenario.change(b, 'd=1');
      scenario.untilAbout(b, 'create');
      scenario.until([a], () => a.relay.state.does !== 'acknowledge');
    },
  },
  {
    name: 'C3: a relay carries rows of a new incarnation into the bucket of the old one',
    without: { decide: carriesAll },
    happens: (scenario) => {
      const { a, b, x } = scenario;
      scenario.change(a, 'a=1', 'b=1', 'c=1', 'd=1');
      scenario.publish(a, x);
      scenario.world.wipeRedis();
      scenario.change(b, 'e=1');
      scenario.until([a], () => a.relay.state.does === 'acknowledge' || a.relay.state.does === 'wait');
      scenario.untilIdle(x);
    },
  },
  {
    name: 'C2: NATS loses the end of its bucket while nobody writes',
    without: { redis: NoLength, decide: neverReconciles },
    happens: (scenario) => {
      const { a } = scenario;
      scenario.change(a, 'a=1', 'b=1');
      scenario.publish(a);
      scenario.change(a, 'c=1');
      scenario.publish(a);
      scenario.world.crash(a);
      scenario.world.cutNats(1);
    },
  },
  {
    name: 'C2: a row is taken out of the bucket behind everybody’s back',
    without: { decide: neverReconciles },
    happens: (scenario) => {
      const { a, x, world } = scenario;
      scenario.change(a, 'a=1', 'b=1', 'c=1');
      scenario.publish(a, x);
      world.takeOut('a');
      const endMs = world.nowMs + 6 * minuteMs;
      scenario.until([a], () => world.nowMs >= endMs);
    },
  },
  {
    name: 'C2: the tombstone that stands last in a bucket is purged: a consumer that comes then takes the state before for one without the row',
    without: { redis: PurgesTheLast },
    happens: (scenario) => {
      const { a, y } = scenario;
      scenario.change(a, 'a=1', 'b=1');
      scenario.publish(a);
      scenario.change(a, 'a');
      scenario.publish(a);
      scenario.sweep(a);
      scenario.pass(61 * minuteMs);
      scenario.untilAbout(a, 'hold lease');
      scenario.change(a, 'c=1');
      scenario.until([a], () => a.relay.state.does === 'fetch');
      scenario.until([y], () => y.delivery.handled !== null);
    },
  },
];

const run = ({ happens }: Told, mutation: Mutation): void => {
  const scenario = new Scenario(mutation);
  happens(scenario);
  scenario.end();
};

describe('what the rules keep out', () => {
  for (const one of told) {
    it(one.name, () => run(one, {}));
    it(`${one.name}: is seen without its rule`, () => expect(() => run(one, one.without)).toThrow(Violation));
  }
});
