import { LabClients, runProbes } from '@myelin/tool-lab';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Manifest, node, pod, service } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const isNightly = process.env.MYELIN_NIGHTLY !== undefined;
const count = 100;
/** Endpoint changes, 20 a second, and connections: 50 at a time. */
const changes = isNightly ? 600 : 100;
const changesPerSecond = 20;
const nodes = ['node-1', 'node-2'];
const servers = ['a', 'b', 'c', 'd'];
const conditions = {
  ready: { ready: true, serving: true, terminating: false },
  terminating: { ready: false, serving: true, terminating: true },
  unready: { ready: false, serving: false, terminating: false },
} as const;
type State = keyof typeof conditions;
const states = Object.keys(conditions) as State[];

let lab: TestLab;
let addresses: readonly string[];
/** State of each server in each Service's slice, as it was applied last. */
const applied: State[][] = Array.from({ length: count }, () => servers.map(() => 'ready'));

function slice(of: number): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'shop', name: `s${of}-1`, labels: { 'kubernetes.io/service-name': `s${of}` } },
    addressType: 'IPv4',
    endpoints: addresses.map((address, index) => ({ addresses: [address], conditions: conditions[applied[of]![index]!] })),
    ports: [{ port: 80 }],
  };
}

beforeAll(async () => {
  const on = (index: number) => ({ spec: { nodeName: nodes[index % 2] } });
  lab = await TestLab.up(
    ...nodes.map((name) => node(name)),
    ...servers.map((name, index) => pod(`shop/${name}`, on(index))),
    ...nodes.map((_, index) => pod(`shop/client-${index}`, on(index))),
    ...Array.from({ length: count }, (_, index) => service(`shop/s${index}`, null, [{ port: 80 }], { ipFamilyPolicy: 'SingleStack' })),
  );
  const { pods } = await lab.status();
  addresses = servers.map((name) => pods.find((one) => one.name === name)!.addresses.find((address) => !address.includes(':'))!);
  await lab.apply(...applied.map((_, index) => slice(index)));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

it('while endpoints of 100 Services change state without pause, no connection fails, and kernels end up with what was said last', async () => {
  using clients = new LabClients(lab.running);
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  let done = 0;
  const begun = performance.now();
  const churn = (async () => {
    for (; done < changes; done += 1) {
      // By the clock from the beginning on: what one change is late, the next ones make up for.
      const early = begun + (done * 1000) / changesPerSecond - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
      const of = random(count);
      // One server of each Service stays ready; what is not ready keeps the connections that it has.
      applied[of] = servers.map((_, index) => (index === of % servers.length ? 'ready' : states[random(states.length)]!));
      await clients.loadBalancing().apply({ documents: [JSON.stringify(slice(of))] });
    }
    return changes / ((performance.now() - begun) / 1000);
  })();
  const failures: string[] = [];
  let connections = 0;
  while (done < changes) {
    const probes = Array.from({ length: 50 }, (_, index) => {
      return { from: `shop/client-${index % 2}`, to: `svc:shop/s${random(count)}`, protocol: 'TCP' as const, port: 80 };
    });
    const outcomes = await runProbes(lab.running, probes);
    connections += outcomes.length;
    failures.push(
      ...outcomes.flatMap(({ error }, index) => (error === null ? [] : [`${probes[index]!.from} → ${probes[index]!.to}: ${error}`])),
    );
  }
  const rate = await churn;
  console.log(`service churn: ${connections} connections during ${changes} changes, ${rate.toFixed(1)} a second`);
  expect(failures).toEqual([]);
  if (isNightly) expect(rate).toBeGreaterThan(0.9 * changesPerSecond);
  // Applied again: returns when every node has it, and with it all that came before.
  await lab.apply(slice(0));
  const wanted = applied.flatMap((of) => of.map((state, index) => `${addresses[index]} 80 ${state}`)).sort();
  for (const on of nodes) {
    const rows: string[] = [];
    for await (const part of clients.agent(on).readMap({ map: 'backends' }))
      rows.push(...part.rows.map(({ cells }) => cells.slice(2).join(' ')));
    expect(rows.sort(), on).toEqual(wanted);
  }
});
