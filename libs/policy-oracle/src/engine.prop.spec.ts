import { compilePolicies } from '@myelin/policy-compile';
import { type Decision, evaluateFlow } from '@myelin/policy-evaluate';
import type { CompiledPolicy } from '@myelin/policy-model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type OracleDecision } from './decide.ts';
import { type EngineFlow, engineFlow, enginePolicies, numberIdentities, policyNames } from './testing/engine.ts';
import { type Scenario, scenario } from './testing/index.ts';

const numRuns = process.env.MYELIN_NIGHTLY === '1' ? 50_000 : 2_000;
const flowsPerRun = 10;

/** Everybody whom a decision names. */
const named = (decision: Decision | null) =>
  policyNames([...(decision?.origins ?? []).map(({ policy }) => policy), ...(decision?.isolatedBy ?? [])]);

function engineDecision(policyOf: (identity: number) => CompiledPolicy | null, flow: EngineFlow): OracleDecision {
  const { verdict, egress, ingress } = evaluateFlow(policyOf, flow);
  if (verdict === 'allow') return { verdict: 'forwarded', policies: [...new Set([...named(egress), ...named(ingress)])].sort() };
  return egress?.verdict === 'deny'
    ? { verdict: 'denied-egress', policies: named(egress) }
    : { verdict: 'denied-ingress', policies: named(ingress) };
}

describe('the policy engine', () => {
  it(`decides ${numRuns * flowsPerRun} flows in ${numRuns} policy sets as the oracle does, and for the same policies`, () => {
    const agrees = ({ world, flows }: Scenario) => {
      const numbering = numberIdentities(world);
      const compiled = new Map(compilePolicies(numbering.identities, enginePolicies(world)).map((policy) => [policy.identity, policy]));
      for (const flow of flows) {
        const said = engineDecision((identity) => compiled.get(identity) ?? null, engineFlow(world, numbering, flow));
        expect(said, JSON.stringify(flow)).toEqual(decide(world, flow));
      }
    };
    fc.assert(fc.property(scenario(flowsPerRun), agrees), { numRuns });
  });
});
