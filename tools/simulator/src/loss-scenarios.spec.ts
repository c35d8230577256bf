import { describe, expect, it } from 'vitest';
import type { ClusterMutation } from './cluster/cluster.ts';
import { Violation } from './schedule.ts';
import {
  ActivatesUnclaimed,
  AnswersAtOnce,
  AnyRevision,
  ClaimsBySet,
  SpeaksOn,
  TellsItsOwnAlone,
  VisibleAtOnce,
} from './testing/cluster-mutants.ts';
import { ClusterScenario, without } from './testing/cluster-scenario.ts';

// As cluster-scenarios.spec.ts: what nodes that return, join or have survived a loss of Redis and NATS could do. A prefers number 257, B 258, C 259, D 256, and E 257 as A does.

interface Told {
  readonly name: string;
  readonly without: ClusterMutation;
  readonly happens: (scenario: ClusterScenario) => void;
}

/** A's number 257 was node a's; a is paused and taken away, and 257 is E's on node c. B denies E. */
function giveAway(scenario: ClusterScenario): void {
  const { a, b, c, cluster, control } = scenario;
  scenario.policy('ingress', 'B', 'all but', 'A');
  scenario.open(a, 'a1', 'A');
  scenario.open(b, 'b1', 'B');
  scenario.open(b, 'b2', 'C');
  scenario.open(c, 'c1', 'D');
  cluster.pause(a, 3_600_000);
  cluster.registry.removeNode(a.name);
  scenario.during(12_000, ...control, b, c);
  c.endpoints.create('c2', 'E');
  scenario.until([...control, b, c], () => scenario.isOpen(c, 'c2'));
  expect(c.kernel.endpoints.get('c2')!.identity).toBe(257);
  cluster.resume(a);
}

const told: readonly Told[] = [
  {
    name: 'C1: an expired node returns, its number has been given to E, and it is visible before it has claimed',
    without: { agent: ActivatesUnclaimed },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      giveAway(scenario);
      scenario.during(10_000, ...control, b, c, without(a, 'a1'));
      // There is no number left for it.
      a.endpoints.delete('a1');
    },
  },
  {
    name: 'C1: an expired node returns, its number has been given to E, there is none left for it, and it goes on speaking as it',
    without: { agent: SpeaksOn },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      giveAway(scenario);
      scenario.during(10_000, ...control, a, b, c);
      expect(a.isActive).toBe(true);
      expect(scenario.isOpen(a, 'a1')).toBe(false);
      // There is a number again.
      c.endpoints.delete('c1');
      scenario.during(20_000, ...control, a, b, c);
      expect(scenario.isOpen(a, 'a1')).toBe(true);
    },
  },
  {
    name: 'C1: an expired node returns, its number has been given to E, and it speaks as it until it has changed over to another one',
    without: { agent: SpeaksOn },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      giveAway(scenario);
      c.endpoints.delete('c1');
      scenario.during(12_000, ...control, b, c);
      // Its claim is answered, and the policy of its new number takes its time.
      const slow = without(a, 'policy');
      scenario.until([...control, slow, b, c], () => a.endpoints.records[0]!.assigned !== null);
      scenario.during(10_000, ...control, b, c, slow);
      scenario.during(10_000, ...control, b, c, without(a, 'a1'));
    },
  },
  {
    name: 'C1: an expired node returns, live with stale rows, while a number was given to E',
    without: { registry: VisibleAtOnce },
    happens: (scenario) => {
      const { a, b, c, cluster, control } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'E');
      scenario.open(a, 'a1', 'B');
      scenario.open(b, 'b1', 'A');
      scenario.open(b, 'b2', 'C');
      scenario.open(c, 'c1', 'D');
      cluster.pause(a, 3_600_000);
      cluster.registry.removeNode(a.name);
      b.endpoints.delete('b1');
      scenario.during(12_000, ...control, b, c);
      // B's number is its own again when its node comes back.
      c.endpoints.create('c2', 'B');
      scenario.until([...control, b, c], () => scenario.isOpen(c, 'c2'));
      b.endpoints.create('b3', 'E');
      scenario.until([...control, b, c], () => scenario.isOpen(b, 'b3'));
      expect(b.kernel.endpoints.get('b3')!.identity).toBe(257);
      cluster.resume(a);
      scenario.during(10_000, ...control, b, c, without(a, 'policy'));
    },
  },
  {
    name: 'C6: a node joins after the barrier: drop',
    without: { registry: VisibleAtOnce },
    happens: (scenario) => {
      const { a, b, c, cluster, allocators, compilers } = scenario;
      const [ahead, behind] = compilers;
      scenario.open(b, 'b1', 'B');
      cluster.registry.removeNode(c.name);
      cluster.crash(c);
      c.replace();
      scenario.turnTo(a, ahead);
      scenario.turnTo(b, ahead);
      const others = [cluster.relay, ...allocators, ahead, without(behind, 'identities'), a, b];
      a.endpoints.create('a1', 'A');
      scenario.until(others, () => scenario.isOpen(a, 'a1'));
      scenario.turnTo(c, behind);
      c.endpoints.create('c1', 'B');
      scenario.during(5000, ...others, c);
    },
  },
  {
    name: "C4: both are emptied, and a late agent's number is given away",
    without: { agent: TellsItsOwnAlone },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.open(a, 'a1', 'A');
      scenario.open(c, 'c1', 'B');
      scenario.loseBoth();
      scenario.recover(...control, b, c);
      b.endpoints.create('b1', 'E');
      scenario.until([...control, b, c], () => scenario.isOpen(b, 'b1'));
    },
  },
  {
    name: 'C4: after a loss a claim by label set returns another number',
    without: { agent: ClaimsBySet },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.open(a, 'a1', 'E');
      scenario.open(b, 'b1', 'A');
      scenario.open(c, 'c1', 'B');
      scenario.close(a, 'a1');
      scenario.loseBoth();
      scenario.recover(...control, a, b, c);
    },
  },
  {
    name: "C4: an old claim beats the holder's after a second loss",
    without: { allocator: AnyRevision },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      giveAway(scenario);
      scenario.loseBoth();
      scenario.recover(...control, a, b, c);
      a.endpoints.delete('a1');
    },
  },
  {
    name: 'C4: a number is told before it is published, and lost: somebody else gets it',
    without: { allocator: AnswersAtOnce },
    happens: (scenario) => {
      const { a, b, c, cluster, allocators, compilers } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.open(b, 'b1', 'B');
      a.endpoints.create('a1', 'A');
      scenario.during(1000, ...allocators, ...compilers, a, b, c);
      cluster.wipeRedis();
      const late = without(a, 'reports');
      scenario.recover(cluster.relay, ...allocators, ...compilers, b, c);
      c.endpoints.create('c1', 'E');
      scenario.until([cluster.relay, ...allocators, ...compilers, b, c], () => scenario.isOpen(c, 'c1'));
      scenario.during(5000, cluster.relay, ...allocators, ...compilers, b, c, late);
    },
  },
];

const run = ({ happens }: Told, mutation: ClusterMutation): void => {
  const scenario = new ClusterScenario({ isNative: false, mutation });
  happens(scenario);
  scenario.end();
};

describe('what the rules for nodes that return, and for losses, keep out', () => {
  for (const one of told) {
    it(one.name, () => run(one, {}));
    it(`${one.name}: is seen without its rule`, () => expect(() => run(one, one.without)).toThrow(Violation));
  }
});
