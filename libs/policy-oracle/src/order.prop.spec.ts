import { type CompilerEvent, compilePolicies, PolicyCompiler } from '@myelin/policy-compile';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assertEach } from './testing/assert-each.ts';
import { bytesOf, enginePolicies, numberIdentities, policyNames } from './testing/engine.ts';
import { type Scenario, scenario, world } from './testing/index.ts';
import { SimulatedNode, tableQuestions } from './testing/simulated-node.ts';
import type { OracleWorld } from './world.ts';

const nightly = process.env.MYELIN_NIGHTLY === '1';
const runs = nightly ? 10_000 : 200;
const timeoutMs = nightly ? 3_600_000 : 300_000;

type Events = readonly CompilerEvent[];

/** For each number and name the events that lead to its final state, by detours that `other` lends; in this order among themselves. */
function histories(final: OracleWorld, other: OracleWorld): Events[] {
  const identities = [...numberIdentities(final).identities];
  const strangers = [...numberIdentities(other).identities];
  const policies = enginePolicies(final);
  const foreign = new Map(enginePolicies(other).map((policy) => [nameOf(policy.reference), policy]));
  const ofIdentities = identities.map(([identity, labels]): Events => {
    const former = strangers.find(([number]) => number === identity);
    const put: CompilerEvent = { kind: 'identity-put', identity, labels };
    if (former === undefined) return [put, { kind: 'identity-delete', identity }, put];
    return [{ kind: 'identity-put', identity, labels: former[1] }, { kind: 'identity-delete', identity }, put];
  });
  const passing = strangers.map(([number, labels]): Events => {
    const identity = number + 1000;
    return [
      { kind: 'identity-put', identity, labels },
      { kind: 'identity-delete', identity },
    ];
  });
  const ofPolicies = policies.map((policy): Events => {
    const former = foreign.get(nameOf(policy.reference));
    const put: CompilerEvent = { kind: 'policy-put', policy };
    if (former === undefined) return [put, { kind: 'policy-delete', reference: policy.reference }, put];
    return [{ kind: 'policy-put', policy: former }, put];
  });
  const withdrawn = [...foreign].flatMap(([name, policy]): Events[] => {
    if (policies.some(({ reference }) => nameOf(reference) === name)) return [];
    return [
      [
        { kind: 'policy-put', policy },
        { kind: 'policy-delete', reference: policy.reference },
      ],
    ];
  });
  return [...ofIdentities, ...passing, ...ofPolicies, ...withdrawn];
}

const nameOf = (reference: { kind: string; namespace: string; name: string }) =>
  `${reference.kind}/${reference.namespace}/${reference.name}`;

/** One order of all events that keeps each history's own: `picks` says which history goes on next. */
function interleave(all: readonly Events[], picks: () => number): CompilerEvent[] {
  const left = all.map((events) => [...events]);
  const merged: CompilerEvent[] = [];
  for (let open = left; open.length > 0; open = open.filter((events) => events.length > 0)) {
    merged.push(open[picks() % open.length]!.shift()!);
  }
  return merged;
}

const picker = fc.infiniteStream(fc.nat({ max: 1000 })).map((stream) => () => stream.next().value as number);

const bytesOfAll = (compiler: PolicyCompiler) =>
  new Map(compiler.identities().map((identity) => [identity, bytesOf([compiler.compiled(identity)!])]));

it(
  `compiled policy is the same bytes whatever came and went before, in ${runs} histories, and every change is announced`,
  () => {
    const holds = (final: OracleWorld, other: OracleWorld, picks: () => number) => {
      const compiler = new PolicyCompiler();
      let before = bytesOfAll(compiler);
      for (const event of interleave(histories(final, other), picks)) {
        const announced = compiler.apply(event);
        const after = bytesOfAll(compiler);
        const missed = [...new Set([...before.keys(), ...after.keys()])].filter(
          (identity) => before.get(identity) !== after.get(identity) && !announced.has(identity),
        );
        if (missed.length > 0) expect(missed, JSON.stringify(event)).toEqual([]);
        before = after;
      }
      const made = compiler.identities().map((identity) => compiler.compiled(identity)!);
      expect(bytesOf(made)).toBe(bytesOf(compilePolicies(numberIdentities(final).identities, enginePolicies(final))));
    };
    assertEach(fc.property(world, world, picker, holds), runs);
  },
  timeoutMs,
);

it(
  `a node decides by a subject's old or new policy after every single write, in ${runs} edits`,
  () => {
    const holds = ({ world: first, flows }: Scenario, { policies }: OracleWorld, backwards: boolean) => {
      const numbering = numberIdentities(first);
      const compiled = [first, { ...first, policies }, first].map((one) => compilePolicies(numbering.identities, enginePolicies(one)));
      const questions = flows.flatMap((flow) => tableQuestions(first, numbering, flow));
      const answers = (node: SimulatedNode) =>
        questions.map((question) => {
          const said = node.decide(question);
          return `${said.verdict} ${policyNames(said.policies)}`;
        });
      const node = new SimulatedNode();
      node.put(compiled[0]!);
      for (const target of compiled) {
        const fresh = new SimulatedNode();
        fresh.put(target);
        const [old, wanted] = [answers(node), answers(fresh)];
        const check = () => {
          for (const [index, said] of answers(node).entries()) {
            // Asked some hundred thousand times: what is right has to cost nothing.
            if (said !== old[index] && said !== wanted[index]) expect([old[index], wanted[index]]).toContain(said);
          }
        };
        node.put(target, check, backwards);
        expect(answers(node)).toEqual(wanted);
      }
    };
    assertEach(fc.property(scenario(12), world, fc.boolean(), holds), runs);
  },
  timeoutMs,
);
