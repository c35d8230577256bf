import type { Endpoint } from '@myelin/contracts/agent';
import { createPlace, Deadline, LabClients, type Place, sendProbes, startWorkload, untilAnswered, whereIs } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropCounts } from './support/drop-counts.ts';
import { ciliumPolicy, namespace, networkPolicy, node, pod } from './support/manifests.ts';
import { sleep, TestLab } from './support/test-lab.ts';

/*
 * C6: an identity is enforceable before it speaks. Each pod here has a label set that nobody had before, and is spoken to, and speaks, the moment its add returns. A first packet that is lost isn't sent
 * again within the second that a probe waits (TCP), and the kernels' drop counters tell of it.
 */
const count = process.env.MYELIN_NIGHTLY === '1' ? 200 : 10;
const patience = { timeout: 60_000 + 3000 * count };
/** What a packet that a rule denies is counted under; everything else would be a packet that was allowed. */
const denied = ['Deny rule'];
const newcomers = { matchLabels: { role: 'newcomer' } };
const ports = [80];

describe.each(['overlay', 'native'] as const)('a pod with labels that nobody had before (%s)', (routing) => {
  let lab: TestLab;
  let clients: LabClients;
  let made = 0;

  beforeAll(async () => {
    lab = await TestLab.upWith(
      ['--routing', routing, '--replicas', '2'],
      namespace('red'),
      node('a'),
      node('b'),
      pod('red/open', { ports, spec: { nodeName: 'b' } }),
      pod('red/shut', { ports, spec: { nodeName: 'b' } }),
      networkPolicy('red/open', { podSelector: { matchLabels: { app: 'open' } }, ingress: [{ from: [{ podSelector: newcomers }] }] }),
      ciliumPolicy('red/shut', {
        endpointSelector: { matchLabels: { app: 'shut' } },
        ingress: [{ fromEntities: ['all'] }],
        ingressDeny: [{ fromEndpoints: [newcomers] }],
      }),
    );
    clients = new LabClients(lab.running);
  });
  afterAll(async () => {
    clients?.[Symbol.dispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  const addressesOf = (name: string) => lab.running.state.pods.find(({ manifest }) => manifest.name === name)!.addresses;

  /** A pod's namespace and processes, as kubelet has them when it calls. */
  async function prepare(): Promise<{ place: Place; add: () => Promise<Endpoint> }> {
    made += 1;
    const name = `newcomer-${made}`;
    const place: Place = { kind: 'pod', node: 'a', namespace: 'red', name };
    const running = lab.running;
    await createPlace(running, place);
    await startWorkload(running, place, { tcp: [], http: [], udp: [] });
    const spec = {
      uid: name,
      namespace: 'red',
      name,
      labels: { role: 'newcomer', number: name },
      namespaceLabels: {},
      serviceAccount: 'default',
      namedPorts: [],
      netns: whereIs(running, place).netns,
      interfaceName: 'eth0',
      addresses: [],
    };
    const add = async () => {
      using deadline = new Deadline(20);
      return (await untilAnswered(deadline, name, () => clients.agent('a').createEndpoint({ spec }))).endpoint!;
    };
    return { place, add };
  }

  /** What came of first packets to a pod of the other node, one each family. */
  async function ask(place: Place, server: string): Promise<readonly string[]> {
    const jobs = addressesOf(server).map((address) => ({ protocol: 'TCP' as const, address, port: 80 }));
    return (await sendProbes(lab.running, place, jobs)).map(({ ok, error }) => (ok ? 'reply' : error!));
  }

  /** Beside what else the machine does: printed, not asserted. */
  const report = (sorted: readonly number[]) => {
    const [p50, p95] = [0.5, 0.95].map((part) => sorted[Math.floor((sorted.length - 1) * part)]!.toFixed(1));
    console.log(`add with a wait for another node (${routing}): p50 ${p50} ms, p95 ${p95} ms`);
  };

  const drops = async () => [await dropCounts(lab, 'a', denied), await dropCounts(lab, 'b', denied)];

  /** Does something while the agent of a node is paused. Nothing tells it of what happens meanwhile. */
  async function whilePaused<T>(name: string, act: () => Promise<T>): Promise<T> {
    const { pid } = lab.running.state.nodes.find((each) => each.name === name)!.agent!;
    process.kill(pid, 'SIGSTOP');
    try {
      return await act();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  it(
    `loses no first packet to a pod of another node that lets it in, and gets none through to one that denies it: ${count} times (C6)`,
    patience,
    async () => {
      const before = await drops();
      const shut: Promise<readonly string[]>[] = [];
      const times: number[] = [];
      for (let index = 0; index < count; index += 1) {
        const { place, add } = await prepare();
        const started = performance.now();
        const { message } = await add();
        times.push(performance.now() - started);
        shut.push(ask(place, 'shut'));
        expect([message, ...(await ask(place, 'open'))], `pod ${index}`).toEqual(['', 'reply', 'reply']);
      }
      report(times.toSorted((a, b) => a - b));
      expect([...new Set((await Promise.all(shut)).flat())]).toEqual(['timeout']);
      expect(await drops()).toEqual(before);
    },
  );

  it('waits for a node that is slow to hear of it (C6)', patience, async () => {
    const before = await drops();
    for (let round = 0; round < 3; round += 1) {
      const { place, add } = await prepare();
      const adding = await whilePaused('b', async () => {
        const promise = add();
        await sleep(400);
        return { promise };
      });
      expect(await adding.promise).toMatchObject({ state: 'ready', message: '' });
      expect(await ask(place, 'open')).toEqual(['reply', 'reply']);
    }
    expect(await drops()).toEqual(before);
  });

  it(
    'goes on without a node that does not hear at all, says which, and does not wait for it again before it has (C6)',
    patience,
    async () => {
      const [first, second, third] = [await prepare(), await prepare(), await prepare()];
      await whilePaused('b', async () => {
        expect(await first.add()).toMatchObject({
          state: 'ready',
          message: expect.stringMatching(/^b had not applied identity \d+ in time$/),
        });
        expect(await second.add()).toMatchObject({ state: 'ready', message: '' });
      });
      for (const { place } of [first, second]) {
        await expect.poll(() => ask(place, 'open'), { timeout: 10_000 }).toEqual(['reply', 'reply']);
      }
      const adding = await whilePaused('b', async () => {
        const promise = third.add();
        await sleep(400);
        return { promise };
      });
      expect(await adding.promise).toMatchObject({ state: 'ready', message: '' });
      expect(await ask(third.place, 'open')).toEqual(['reply', 'reply']);
    },
  );
});
