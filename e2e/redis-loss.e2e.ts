import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { Channel, clientOf } from '@myelin/rpc';
import { type ExchangeRequest, LabClients, serviceSocket, startTraffic } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, namespace, networkPolicy, node, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

/*
 * C4: Redis is emptied under traffic and churn. Nothing that runs notices, every running pod's number stays, no number gets a second meaning at whoever looks, and new pods come up.
 */
const isNightly = process.env.MYELIN_NIGHTLY === '1';
const rounds = isNightly ? 10 : 1;
const patience = { timeout: 60_000 + 60_000 * rounds };
const on = (nodeName: string) => ({ ports: [80, { containerPort: 80, protocol: 'UDP' as const }], spec: { nodeName } });
const replicas = ['identity-allocator', 'identity-allocator-2'];

let lab: TestLab;
beforeAll(async () => {
  lab = await TestLab.upWith(
    ['--replicas', '2'],
    namespace('red'),
    node('a'),
    node('b'),
    pod('red/client', on('a')),
    pod('red/server', on('b')),
    pod('red/closed', on('b')),
    networkPolicy('red/closed', { podSelector: app('closed') }),
  );
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** Every meaning of every number that anybody has told: both allocators' watchers, and the agents, of their endpoints. */
class History implements AsyncDisposable {
  readonly #meanings = new Map<number, Set<string>>();
  readonly #over = new AbortController();
  readonly #lab: TestLab;
  readonly #clients: LabClients;
  readonly #watching: Promise<unknown>;

  constructor(from: TestLab) {
    this.#lab = from;
    this.#clients = new LabClients(from.running);
    this.#watching = Promise.all([...replicas.map((name) => this.#watch(name)), ...['a', 'b'].map((name) => this.#ask(name))]);
  }

  /** Numbers that have meant more than one label set, with all of them. */
  get ambiguous(): readonly (readonly [number, readonly string[]])[] {
    return [...this.#meanings].filter(([, meanings]) => meanings.size > 1).map(([number, meanings]) => [number, [...meanings]]);
  }

  get size(): number {
    return this.#meanings.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
    this.#clients[Symbol.dispose]();
  }

  #note(number: number, meaning: string): void {
    const known = this.#meanings.get(number) ?? new Set();
    this.#meanings.set(number, known.add(meaning));
  }

  /** The app of a pod is the one label in which sets differ here. */
  async #watch(replica: string): Promise<void> {
    const channel = new Channel(replica, `unix:${serviceSocket(this.#lab.running.paths, replica)}`);
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        for await (const { event } of clientOf(IdentityServiceService, channel).watch({}, { signal }))
          if (event?.$case === 'updated') this.#note(event.value.number, appIn(event.value.labels));
      } catch {
        await sleep(50);
      }
    }
    channel.close();
  }

  async #ask(name: string): Promise<void> {
    while (!this.#over.signal.aborted) {
      const answer = await this.#clients
        .agent(name)
        .listEndpoints({})
        .catch(() => null);
      for (const { identity, spec } of answer?.endpoints ?? []) if (identity > 0) this.#note(identity, spec!.labels.app!);
      await sleep(50);
    }
  }
}

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T>): Promise<T & {}> {
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    await sleep(100);
  }
}

const appIn = (labels: readonly string[]) => labels.find((label) => label.startsWith('k8s:app='))!.slice('k8s:app='.length);
const numbers = async () => new Map((await lab.status()).pods.map(({ namespace: of, name, identity }) => [`${of}/${name}`, identity]));

describe('Redis, emptied under traffic and churn', () => {
  it('C4: costs no packet and no number; none gets a second meaning, and new pods come up', patience, async () => {
    await using history = new History(lab);
    const requests = (['TCP', 'UDP', 'ICMP'] as const).flatMap((protocol) =>
      ([4, 6] as const).flatMap((family): ExchangeRequest[] => [
        { from: 'red/client', to: 'red/server', protocol, port: 80, family, expect: 'reply' },
        { from: 'red/client', to: 'red/closed', protocol, port: 80, family, expect: 'none' },
      ]),
    );
    const traffic = await startTraffic(lab.running, requests);
    for (let round = 0; round < rounds; round++) {
      const before = `red/before-${round}`;
      await lab.apply(pod(before, on('a')));
      const had = await numbers();
      const during = [pod(`red/during-a-${round}`, on('a')), pod(`red/during-b-${round}`, on('b'))];
      const churn = lab.apply(...during);
      await lab.must('fault', 'redis', 'flush');
      await churn;
      await lab.apply(pod(`red/after-${round}`, on('b')));
      await expectProbes(lab, {
        [`red/after-${round} -> ${before} TCP 80`]: 'reply',
        [`red/after-${round} -> red/closed TCP 80`]: 'timeout',
      });
      const has = await numbers();
      for (const [name, number] of had) expect([name, has.get(name)]).toEqual([name, number]);
      await lab.delete(pod(before, on('a')), ...during);
    }
    expect((await traffic.finish()).filter(({ fault }) => fault !== null)).toEqual([]);
    expect(history.ambiguous).toEqual([]);
    expect(history.size).toBeGreaterThanOrEqual(4 + 3 * rounds);
  });

  // The wait for nodes, of which nobody knows how many there are, takes its 10 s.
  it.runIf(isNightly)(
    'C4: and NATS with it: what runs notices nothing, and all of it comes back from what the nodes have read',
    patience,
    async () => {
      const requests = ([4, 6] as const).map((family): ExchangeRequest => {
        return { from: 'red/client', to: 'red/server', protocol: 'ICMP', port: 0, family, expect: 'reply' };
      });
      const traffic = await startTraffic(lab.running, requests);
      const had = await numbers();
      // Neither may mend the other.
      await lab.must('fault', 'kill', 'nats');
      await lab.must('fault', 'redis', 'flush');
      await lab.must('fault', 'nats', 'wipe');
      const { status, stderr } = await lab.myelin('identity', 'list');
      expect([status, stderr]).toEqual([4, expect.stringContaining('the store is not ready')]);
      // Identities and addresses are there after the wait; policies are nowhere whole: it takes an operator.
      const waiting = await until(async () => /accept-empty (\d+)/.exec((await lab.myelin('policy', 'list')).stderr)?.[1]);
      await until(async () => (await lab.myelin('identity', 'list')).status === 0);
      expect((await traffic.finish()).filter(({ fault }) => fault !== null)).toEqual([]);
      await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'red/client -> red/closed TCP 80': 'timeout' });
      expect((await lab.myelin('cluster', 'accept-empty', `${Number(waiting) - 1}`)).status).toBe(1);
      expect((await lab.myelin('cluster', 'accept-empty', waiting)).status).toBe(0);
      await until(async () => (await lab.myelin('policy', 'list')).status === 0);
      await lab.apply(networkPolicy('red/closed', { podSelector: app('closed') }), pod('red/later', on('b')));
      expect(await numbers()).toEqual(new Map([...had, ['red/later', (await numbers()).get('red/later')!]]));
      await lab.delete(pod('red/later', on('b')));
    },
  );
});
