import { compilePolicies } from '@myelin/policy-compile';
import { type Decision, evaluateFlow } from '@myelin/policy-evaluate';
import type { CompiledPolicy } from '@myelin/policy-model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decide, type OracleDecision } from './decide.ts';
import { assertEach } from './testing/assert-each.ts';
import { type EngineFlow, engineFlow, enginePolicies, numberIdentities, policyNames } from './testing/engine.ts';
import { type Scenario, scenario } from './testing/index.ts';
import { SimulatedNode, type TableQuestion, tableQuestions } from './testing/simulated-node.ts';

const nightly = process.env.MYELIN_NIGHTLY === '1';
const policySets = nightly ? 50_000 : 2_000;
const timeoutMs = nightly ? 3_600_000 : 300_000;

const union = (...lists: readonly (readonly string[])[]) => [...new Set(lists.flat())].sort();

/** Everybody whom an end's decision names. */
const namedBy = (decision: Decision | null) =>
  policyNames([...(decision?.origins ?? []).map(({ policy }) => policy), ...(decision?.isolatedBy ?? [])]);

/** What the engine's evaluation of compiled policies says, in the oracle's terms. */
function engineDecision(policyOf: (identity: number) => CompiledPolicy | null, flow: EngineFlow): OracleDecision {
  const { verdict, egress, ingress } = evaluateFlow(policyOf, flow);
  if (verdict === 'allow') return { verdict: 'forwarded', policies: union(namedBy(egress), namedBy(ingress)) };
  if (egress?.verdict === 'deny') return { verdict: 'denied-egress', policies: namedBy(egress) };
  return { verdict: 'denied-ingress', policies: namedBy(ingress) };
}

/** What a node's tables say, in the oracle's terms. */
function tableDecision(node: SimulatedNode, questions: readonly TableQuestion[]): OracleDecision {
  const allowedBy: string[][] = [];
  for (const question of questions) {
    const { verdict, policies } = node.decide(question);
    if (verdict === 'deny') return { verdict: `denied-${question.direction}`, policies: policyNames(policies) };
    allowedBy.push(policyNames(policies));
  }
  return { verdict: 'forwarded', policies: union(...allowedBy) };
}

function agree({ world, flows }: Scenario): void {
  const numbering = numberIdentities(world);
  const compiled = new Map(compilePolicies(numbering.identities, enginePolicies(world)).map((policy) => [policy.identity, policy]));
  const node = new SimulatedNode();
  node.put([...compiled.values()]);
  for (const flow of flows) {
    const expected = decide(world, flow);
    const engine = engineDecision((identity) => compiled.get(identity) ?? null, engineFlow(world, numbering, flow));
    expect(engine, `engine: ${JSON.stringify(flow)}`).toEqual(expected);
    expect(tableDecision(node, tableQuestions(world, numbering, flow)), `tables: ${JSON.stringify(flow)}`).toEqual(expected);
  }
}

it(
  `engine, a node's tables and oracle decide alike, for the same policies: ten flows in each of ${policySets} policy sets`,
  () => assertEach(fc.property(scenario(10), agree), policySets),
  timeoutMs,
);
