import {
  createPlace,
  Deadline,
  type Lab,
  LabClients,
  openTalk,
  type Place,
  sendProbes,
  startWorkload,
  untilAnswered,
  whereIs,
} from '@myelin/tool-lab';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

/*
 * The bar: a pod is reachable and enforced within 100 ms of its `add` reaching the agent, p95 over 100 pods (50 here). Measured here with everything else of the
 * suite on the same two cores, so it is printed and only held against a multiple; the bar itself is held in the nightly run.
 */
const barMs = process.env.MYELIN_NIGHTLY === '1' ? 100 : 500;
const count = process.env.MYELIN_NIGHTLY === '1' ? 100 : 50;
let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up(
    namespace('red'),
    pod('red/friend'),
    pod('red/stranger'),
    networkPolicy('red/newcomers', {
      podSelector: { matchLabels: { role: 'newcomer' } },
      ingress: [{ from: [{ podSelector: app('friend') }] }],
    }),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const percentile = (sorted: readonly number[], part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;

it('a pod is reachable for its friend and for nobody else as soon as its add returns, and that is soon', async () => {
  const running = lab.running;
  using clients = new LabClients(running.paths);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) times.push(await addOne(running, clients, index));
  const sorted = times.toSorted((a, b) => a - b);
  const [p50, p95, most] = [percentile(sorted, 0.5), percentile(sorted, 0.95), sorted.at(-1)!];
  console.log(
    `add to first reply, ${count} pods: p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, most ${most.toFixed(1)} ms (bar: p95 100 ms)`,
  );
  expect(p95).toBeLessThan(barMs);
  const { endpoints } = await clients.agent('node-1').listEndpoints({});
  expect(endpoints.filter(({ state }) => state === 'ready')).toHaveLength(count + 2);
});

/** From the call of the agent to the first reply that the friend gets; the stranger, who asks all the time, gets none. */
async function addOne(running: Lab, clients: LabClients, index: number): Promise<number> {
  const place: Place = { kind: 'pod', node: 'node-1', namespace: 'red', name: `newcomer-${index}` };
  await createPlace(running, place);
  await startWorkload(running, place, { tcp: [], http: [], udp: [53] });
  const started = performance.now();
  const spec = {
    uid: `newcomer-${index}`,
    namespace: 'red',
    name: `newcomer-${index}`,
    // An identity of its own for each: nothing is prepared.
    labels: { role: 'newcomer', number: String(index) },
    namespaceLabels: {},
    serviceAccount: 'default',
    namedPorts: [],
    netns: whereIs(running, place).netns,
    interfaceName: 'eth0',
    addresses: [],
  };
  using deadline = new Deadline(10);
  const { endpoint } = await untilAnswered(deadline, spec.name, () => clients.agent('node-1').createEndpoint({ spec }));
  const job = { protocol: 'UDP' as const, address: endpoint!.addresses[index % 2]!, port: 53 };
  const strangerReplies: unknown[] = [];
  const stranger = openTalk(running, { kind: 'pod', node: 'node-1', namespace: 'red', name: 'stranger' }, job, (result) => {
    if (result.ok) strangerReplies.push(result);
  });
  const [result] = await sendProbes(running, { kind: 'pod', node: 'node-1', namespace: 'red', name: 'friend' }, [job]);
  const took = performance.now() - started;
  await stranger.stop();
  expect(result, `pod ${index}`).toMatchObject({ ok: true });
  expect(strangerReplies).toEqual([]);
  return took;
}
