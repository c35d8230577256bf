import { describe, expect, it } from 'vitest';
import type { ClusterMutation } from './cluster/cluster.ts';
import { Violation } from './schedule.ts';
import {
  AnyBlock,
  AnyPolicyInTheMaps,
  BitsBeforePolicies,
  ClearsByEvent,
  ComparesOneWord,
  EachRequestAlone,
  GoesBack,
  HeardIsAll,
  IdentitiesAlone,
  KnownIsApplied,
  LastComesFirst,
  NoCounter,
  QuarantineByTimeAlone,
  ReconcilesNever,
  ReusesAtOnce,
  SendsNewSubjectsAtOnce,
  SetsByEvent,
  WaitsBeforeItApplies,
} from './testing/cluster-mutants.ts';
import { ClusterScenario, only, without } from './testing/cluster-scenario.ts';

// As scenarios.spec.ts, for agents, allocator and compiler: each is a counterexample of control-plane.md, or one that a random run found.

interface Told {
  readonly name: string;
  readonly without: ClusterMutation;
  readonly isNative?: boolean;
  readonly happens: (scenario: ClusterScenario) => void;
}

const told: readonly Told[] = [
  {
    name: 'C1: a number is released, its quarantine is over, it is given to E; a live node lags and still takes it for A',
    without: { registry: QuarantineByTimeAlone },
    happens: (scenario) => {
      const { a, b, c, cluster, control } = scenario;
      // All four numbers are in use, A's being the one that E prefers.
      scenario.policy('ingress', 'B', 'all but', 'E');
      scenario.open(b, 'b1', 'B');
      scenario.open(b, 'b2', 'C');
      scenario.open(c, 'c1', 'D');
      scenario.open(c, 'c2', 'B');
      scenario.open(a, 'a1', 'A');
      a.endpoints.delete('a1');
      const others = [...control, a, b, without(c, 'policy')];
      scenario.until(others, () => !cluster.registry.identities.rows.has('257') && a.endpoints.records.length === 0);
      scenario.during(12_000, ...others);
      a.endpoints.create('a2', 'E');
      scenario.until(others, () => a.endpoints.records.length === 0 || scenario.isOpen(a, 'a2'));
    },
  },
  {
    name: 'C1: a Release times out, the endpoint is added again, the late Release runs: a number in use is freed',
    without: { registry: NoCounter },
    happens: (scenario) => {
      const { a } = scenario;
      scenario.open(a, 'a1', 'A');
      a.endpoints.delete('a1');
      scenario.loseAnswer(a, 'a1');
      scenario.rest();
      scenario.open(a, 'a1', 'A');
      scenario.late();
    },
  },
  {
    name: 'C1: an Allocate is answered only when it is sent again; the endpoint is relabelled, and the first one runs: a number is held for ever',
    without: { registry: NoCounter },
    happens: (scenario) => {
      const { a } = scenario;
      a.endpoints.create('a1', 'A');
      scenario.loseAnswer(a, 'a1');
      scenario.rest();
      a.endpoints.relabel('a1', 'B');
      scenario.rest();
      scenario.late();
    },
  },
  {
    name: "C1: a lost machine's Allocate runs when its successor has read what the allocator holds",
    without: { agent: ReconcilesNever },
    happens: (scenario) => {
      const { a, cluster } = scenario;
      a.endpoints.create('a1', 'A');
      cluster.possible([only(a, 'a1')]);
      cluster.crash(a);
      a.replace();
      scenario.until([only(a, 'endpoints')], () => a.addressesAt.incarnation > 0n);
      scenario.late();
    },
  },
  {
    name: 'C3: a node turns to a compiler that lags behind',
    without: { agent: GoesBack },
    happens: (scenario) => {
      const { a, b, cluster, control, compilers } = scenario;
      scenario.open(b, 'b1', 'B');
      const behind = compilers.find((compiler) => compiler !== b.connection!.compiler)!;
      const others = [...control.filter((process) => process !== behind), a, b, scenario.c];
      a.endpoints.create('a1', 'A');
      scenario.until(others, () => scenario.isOpen(a, 'a1'));
      cluster.crash(b);
      scenario.turnTo(b, behind);
      scenario.during(2000, only(b, 'policy'), only(behind, 'serving'));
    },
  },
  {
    name: 'C5: a late Add of the old pod overwrites the new one',
    without: { registry: LastComesFirst },
    happens: (scenario) => {
      const { a, b, cluster } = scenario;
      // Both of the node's addresses have been given once.
      scenario.open(a, 'a0', 'B');
      scenario.open(a, 'a1', 'A');
      a.endpoints.relabel('a1', 'C');
      cluster.possible([only(a, 'a1')]);
      scenario.close(a, 'a1');
      scenario.open(a, 'a2', 'D');
      scenario.open(b, 'b1', 'B');
      scenario.late();
      scenario.during(3000, ...cluster.processes);
    },
  },
  {
    name: 'C5: a returned node claims an address again whose block is another node’s now',
    without: { registry: AnyBlock },
    happens: (scenario) => {
      const { a, b, c, cluster, control } = scenario;
      scenario.open(a, 'a1', 'A');
      cluster.pause(a, 60_000);
      cluster.registry.removeNode(a.name);
      cluster.blocks.set('10.0.1.', b.name);
      scenario.during(1000, ...control, b, c);
      cluster.resume(a);
      scenario.during(10_000, ...cluster.processes);
      cluster.checkOwners();
      // Its pod goes, as it can't have its address any more.
      a.endpoints.delete('a1');
    },
  },
  {
    name: "C5: a receiver still holds the old owner when the new one's add completes",
    without: { agent: ReusesAtOnce },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.open(a, 'a0', 'B');
      scenario.open(a, 'a1', 'A');
      scenario.open(b, 'b1', 'D');
      scenario.close(c, 'none');
      const lagging = without(b, 'endpoints');
      a.endpoints.delete('a1');
      scenario.until([...control, a, lagging, c], () => a.endpoints.records.length === 1);
      a.endpoints.create('a2', 'C');
      scenario.until([...control, a, lagging, c], () => scenario.isOpen(a, 'a2'));
    },
  },
  {
    name: "C6: a bit is set by the identity's event: leak",
    without: { agent: SetsByEvent },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.open(b, 'b1', 'B');
      a.endpoints.create('a1', 'A');
      const lagging = without(b, 'policy');
      scenario.until([...control, a, lagging, c], () => scenario.isOpen(a, 'a1'));
      scenario.during(2000, ...control, a, lagging, c);
    },
  },
  {
    name: "C6: a bit is cleared by the identity's event, late: drop",
    without: { agent: ClearsByEvent },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.open(b, 'b1', 'B');
      scenario.open(a, 'a1', 'A');
      const lagging = without(b, 'identities');
      a.endpoints.delete('a1');
      scenario.until([...control, a, lagging, c], () => a.endpoints.records.length === 0);
      scenario.during(1000, ...control, a, lagging, c);
      a.endpoints.create('a2', 'A');
      scenario.until([...control, a, lagging, c], () => scenario.isOpen(a, 'a2'));
      scenario.during(1000, b);
    },
  },
  {
    name: 'C6: bits are set before the policies that account for them: leak',
    without: { agent: BitsBeforePolicies },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.open(b, 'b1', 'B');
      a.endpoints.create('a1', 'A');
      const lagging = without(b, 'policy');
      scenario.until([...control, a, lagging, c], () => scenario.isOpen(a, 'a1'));
    },
  },
  {
    name: "C6: a second endpoint of the identity during the first one's wait: drop",
    without: { allocator: KnownIsApplied },
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.open(c, 'c1', 'B');
      scenario.open(b, 'b0', 'C');
      const lagging = without(c, 'policy');
      a.endpoints.create('a1', 'A');
      scenario.until([...control, a, b, lagging], () => a.endpoints.isWaiting('a1'));
      b.endpoints.create('b1', 'A');
      scenario.until([...control, b, lagging], () => scenario.isOpen(b, 'b1'));
    },
  },
  {
    name: "C6: a new subject's policy is older than the bookmark",
    without: { agent: AnyPolicyInTheMaps },
    happens: (scenario) => {
      const { a, b, c, cluster, allocators } = scenario;
      scenario.open(a, 'a1', 'A');
      scenario.open(b, 'b1', 'B');
      scenario.open(c, 'c1', 'B');
      const { compiler } = b.connection!;
      // The node asks without B; the answer is of a newer policy.
      b.endpoints.delete('b1');
      scenario.until([...allocators, only(b, 'b1', 'policy')], () => b.endpoints.records.length === 0 && b.connection!.requests.length > 0);
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.until([cluster.relay, only(compiler, 'policies')], () => compiler.policyRevision.counter === 1n);
      scenario.until([only(compiler, 'serving')], () => b.connection!.requests.length === 0);
      b.endpoints.create('b2', 'B');
      scenario.until(
        [...allocators, only(b, 'b2', 'others')],
        () => b.endpoints.records[0]!.assigned !== null && !b.endpoints.isWaiting('b2'),
      );
      scenario.during(100, only(b, 'policy'));
    },
  },
  {
    name: "C6: a new subject's policy is newer than the bookmark",
    without: { compiler: SendsNewSubjectsAtOnce },
    happens: (scenario) => {
      const { a, b, c, cluster, allocators } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.open(a, 'a1', 'A');
      scenario.open(c, 'c1', 'B');
      scenario.open(b, 'b1', 'C');
      const { compiler } = b.connection!;
      b.endpoints.create('b2', 'B');
      scenario.until([...allocators, cluster.relay, b], () => b.connection!.requests.length > 0);
      cluster.setPolicy('ingress', 'B', null);
      scenario.until([cluster.relay, only(compiler, 'policies')], () => compiler.policyRevision.counter === 2n);
    },
  },
  {
    name: 'C6: an answer to a request in between sets bits that a subject asked for again does not account for',
    without: { agent: EachRequestAlone },
    isNative: true,
    happens: (scenario) => {
      const { a, b, c, control, allocators } = scenario;
      scenario.policy('ingress', 'B', 'all but', 'A');
      scenario.open(c, 'c1', 'B');
      scenario.open(b, 'b0', 'C');
      b.endpoints.create('b1', 'B');
      const waiting = without(b, 'b1', 'others');
      scenario.until([...allocators, only(b, 'b1')], () => b.endpoints.records[1]!.assigned !== null);
      scenario.until([...control, waiting, c], () => b.standing.subjects.length === 2);
      // A request without B, while its number is asked for again.
      b.endpoints.relabel('b1', 'B');
      b.endpoints.delete('b0');
      scenario.until([only(b, 'policy')], () => b.connection!.requests.length > 0);
      scenario.until(
        [...allocators, only(b, 'b1', 'others')],
        () => b.endpoints.records[1]!.assigned !== null && !b.endpoints.isWaiting('b1'),
      );
      a.endpoints.create('a1', 'A');
      scenario.until([...control, a, c, without(b, 'policy')], () => scenario.isOpen(a, 'a1'));
    },
  },
  {
    name: 'C6: (policy, identity) are compared as one word',
    without: { compiler: ComparesOneWord },
    happens: (scenario) => {
      const { a, b, c, cluster, control, compilers } = scenario;
      scenario.open(b, 'b1', 'B');
      const behind = compilers.find((compiler) => compiler !== b.connection!.compiler)!;
      const lagging = only(behind, 'policies', 'serving');
      a.endpoints.create('a1', 'A');
      scenario.until([...control.filter((process) => process !== behind), lagging, a, b, c], () => scenario.isOpen(a, 'a1'));
      scenario.policy('ingress', 'C', 'all but', 'D');
      scenario.until([cluster.relay, lagging], () => behind.policyRevision.counter === 1n);
      cluster.crash(b);
      scenario.turnTo(b, behind);
      scenario.during(2000, only(b, 'policy'), lagging);
    },
  },
  {
    name: 'C6: only the identity revision is waited for: drop',
    without: { allocator: IdentitiesAlone },
    isNative: true,
    happens: (scenario) => {
      const { a, b, c, control } = scenario;
      scenario.open(b, 'b1', 'B');
      a.endpoints.create('a1', 'A');
      const lagging = without(b, 'endpoints');
      scenario.until([...control, a, lagging, c], () => scenario.isOpen(a, 'a1'));
    },
  },
  {
    name: "C6: the node's own wait blocks applying: two adds wait for each other",
    without: { agent: WaitsBeforeItApplies },
    happens: (scenario) => {
      const { a, b, cluster } = scenario;
      a.endpoints.create('a1', 'A');
      b.endpoints.create('b1', 'B');
      const held = [...scenario.control, without(a, 'policy'), without(b, 'policy')];
      scenario.until(held, () => a.endpoints.isWaiting('a1') && b.endpoints.isWaiting('b1'));
      scenario.rest();
      for (const { name, endpoints } of cluster.agents)
        if (endpoints.late.length > 0) throw new Violation(`${name} went on without ${endpoints.late}`);
    },
  },
  {
    name: 'C6: a replica has not heard that a node has registered again: drop',
    without: { allocator: HeardIsAll },
    happens: (scenario) => {
      const { a, b, c, cluster, control, allocators } = scenario;
      scenario.open(b, 'b1', 'B');
      cluster.pause(b, 20_000);
      scenario.during(17_000, ...control, a, c);
      cluster.resume(b);
      // Registered, and nobody has heard of it.
      const deaf = allocators.map((allocator) => without(allocator, 'feed', 'reading'));
      const rest = [cluster.relay, ...scenario.compilers, ...deaf];
      const before = b.registration;
      scenario.until([without(b, 'policy'), ...rest], () => b.registration !== before && b.registration !== null);
      a.endpoints.create('a1', 'A');
      scenario.until([...rest, a, c, without(b, 'policy')], () => scenario.isOpen(a, 'a1'));
    },
  },
];

const run = ({ happens, isNative = false }: Told, mutation: ClusterMutation): void => {
  const scenario = new ClusterScenario({ isNative, mutation });
  happens(scenario);
  scenario.end();
};

describe('what the rules of agents, allocator and compiler keep out', () => {
  for (const one of told) {
    it(one.name, () => run(one, {}));
    it(`${one.name}: is seen without its rule`, () => expect(() => run(one, one.without)).toThrow(Violation));
  }
});
