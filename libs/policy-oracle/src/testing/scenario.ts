import fc from 'fast-check';
import type { OracleFlow, OracleWorld } from '../world.ts';
import { ciliumPolicy, clusterwidePolicy } from './cilium-policies.ts';
import { type Cluster, cluster } from './cluster.ts';
import { flow } from './flows.ts';
import { kubernetesPolicy } from './kubernetes-policies.ts';

/** A world and flows in it. */
export interface Scenario {
  world: OracleWorld;
  flows: OracleFlow[];
}

function policies({ endpoints }: Cluster): fc.Arbitrary<unknown[]> {
  const namespaces = [...new Set(endpoints.map(({ namespace }) => namespace))];
  const one = (name: string) =>
    fc.oneof(
      { weight: 3, arbitrary: kubernetesPolicy(name, namespaces) },
      { weight: 2, arbitrary: ciliumPolicy(name, namespaces) },
      { weight: 2, arbitrary: clusterwidePolicy(name) },
    );
  return fc
    .integer({ min: 1, max: 6 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => one(`policy-${index + 1}`))));
}

/** A world with 1–6 policies of all kinds. */
export const world: fc.Arbitrary<OracleWorld> = cluster.chain((drawn) => policies(drawn).map((some) => ({ ...drawn, policies: some })));

/** A world and so many flows in it. */
export function scenario(flows: number): fc.Arbitrary<Scenario> {
  return world.chain((drawn) =>
    fc.record({ world: fc.constant(drawn), flows: fc.array(flow(drawn), { minLength: flows, maxLength: flows }) }),
  );
}

/** The scenarios of a seed, always the same: for suites that are not written with fast-check. */
export function scenarios(seed: number, count: number, flows: number): Scenario[] {
  return fc.sample(scenario(flows), { seed, numRuns: count });
}
