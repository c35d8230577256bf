import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Balancer } from './balancer.ts';
import { Cluster } from './testing/cluster.ts';
import { readScript, writeScript } from './testing/script.ts';

/*
 * Script cases: testdata/<case>.txt says what is applied and deleted, and after each step what there is: Services, frontends, pools, what a node writes, and what its maps hold then.
 * Regenerate: GOLDEN=write vitest run --project unit libs/loadbalancing/src/script.spec.ts, then read the diff.
 */

const folder = new URL('../testdata/', import.meta.url);
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => name.slice(0, -'.txt'.length));

const rowsOf = (balancer: Balancer) => [balancer.addresses(), balancer.frontends(), balancer.pools(), balancer.services()];

describe('from Kubernetes objects to maps', () => {
  it.each(cases)('%s', (name) => {
    const file = new URL(`${name}.txt`, folder);
    const recorded = readFileSync(file, 'utf8');
    const script = readScript(recorded);
    const cluster = new Cluster();
    const steps = script.steps.map(({ command, text }) => ({ command, text, output: `${cluster.run(command, text)}\n` }));
    const written = writeScript({ prose: script.prose, steps });
    if (process.env.GOLDEN === 'write') writeFileSync(file, written);
    else expect(written).toBe(recorded);

    const fresh = new Balancer();
    for (const slice of [...cluster.slices.values()].reverse()) fresh.apply({ kind: 'slice-put', slice });
    for (const service of [...cluster.services.values()].reverse()) fresh.apply({ kind: 'service-put', service });
    expect(rowsOf(cluster.balancer)).toEqual(rowsOf(fresh));
  });

  it('has at least 30 cases on record', () => {
    expect(cases.length).toBeGreaterThanOrEqual(30);
  });
});
