import { LabClients } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropCounts } from './support/drop-counts.ts';
import { expectProbes } from './support/expect-probes.ts';
import { app, ciliumPolicy, type Manifest, namespace, networkPolicy, pod } from './support/manifests.ts';
import { sleep, type Talk, TestLab } from './support/test-lab.ts';

const ports = [80, { containerPort: 53, protocol: 'UDP' as const }];
const client = pod('red/client', { ports });
let lab: TestLab;
let clients: LabClients;

beforeAll(async () => {
  lab = await TestLab.up(
    namespace('red', { team: 'red' }),
    namespace('blue', { team: 'blue' }),
    pod('red/server', { ports }),
    client,
    pod('blue/client', { ports }),
  );
  clients = new LabClients(lab.running);
});
afterAll(async () => {
  clients?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

const openTalks = (from = 'red/client', to = 'red/server'): Talk[] =>
  ([4, 6] as const).flatMap((family) => [
    lab.talk(from, to, 'TCP', 80, family),
    lab.talk(from, to, 'UDP', 53, family),
    lab.talk(from, to, 'ICMP', 0, family),
  ]);

/** Opens exchanges of every protocol and family, makes a change, and sees that not one reply comes once it is enforced. */
async function cutBy(change: () => Promise<unknown>, talks = openTalks()): Promise<void> {
  try {
    await Promise.all(talks.map((talk) => talk.flows()));
    await change();
    await Promise.all(talks.map((talk) => talk.hear()));
    const heard = talks.map((talk) => talk.replies.length);
    await sleep(600);
    const more = talks.flatMap(({ name, replies }, index) =>
      replies.length > heard[index]! ? [`${name}: ${replies.length - heard[index]!}`] : [],
    );
    expect(more).toEqual([]);
    // The change alone did it, not an end of their own.
    expect(talks.filter((talk) => talk.ended !== undefined).map((talk) => talk.name)).toEqual([]);
  } finally {
    await Promise.all(talks.map((talk) => talk[Symbol.asyncDispose]()));
  }
}

/** Stores policies as `myelin policy apply` does: returns when they are stored, not when they are enforced. */
const store = (...policies: readonly Manifest[]) => clients.policy().apply({ documents: policies.map((policy) => JSON.stringify(policy)) });

const deny = networkPolicy('red/edit', { podSelector: app('server') });
const allowAll = networkPolicy('red/edit', { podSelector: app('server'), ingress: [{}] });
const allowRed = networkPolicy('red/edit', {
  podSelector: app('server'),
  ingress: [{ from: [{ podSelector: { matchLabels: { role: 'reader' } } }] }],
});

describe('a policy edit', () => {
  it('bites the next packet of open exchanges of every kind', async () => {
    await lab.apply(allowAll);
    await cutBy(async () => {
      await store(deny);
      expect(await lab.myelin('policy', 'wait')).toMatchObject({ status: 0 });
    });
  });

  it('opens again what it had closed, for a connection that waited as for a new one', async () => {
    await lab.apply(allowAll);
    const talk = lab.talk('red/client', 'red/server', 'TCP', 80, 6);
    try {
      await talk.flows();
      await lab.apply(deny);
      await sleep(150);
      await lab.apply(allowAll);
      // TCP tries again at growing intervals.
      await talk.flows(10, 5000);
    } finally {
      await talk[Symbol.asyncDispose]();
    }
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply' });
  });

  it('leaves exchanges alone that it still allows: not one question is without its answer, not one packet is dropped', async () => {
    await lab.apply(allowAll);
    const talks = openTalks('blue/client', 'red/server');
    try {
      await Promise.all(talks.map((talk) => talk.flows()));
      const before = await dropCounts(lab, 'node-1');
      for (let edit = 0; edit < 10; edit += 1)
        await store(
          edit % 2 === 0 ? deny : allowAll,
          networkPolicy('red/other', { podSelector: app('server'), ingress: [{ from: [{ namespaceSelector: {} }] }] }),
        );
      await Promise.all(talks.map((talk) => talk.flows()));
      // A connection would send a lost segment again, and answer all the same: the kernel's counters know.
      expect(await dropCounts(lab, 'node-1')).toEqual(before);
      expect((await Promise.all(talks.map((talk) => talk.finish()))).filter((fault) => fault !== null)).toEqual([]);
    } finally {
      await Promise.all(talks.map((talk) => talk[Symbol.asyncDispose]()));
      await lab.delete(networkPolicy('red/other', { podSelector: {} }), deny);
    }
  });

  it('cuts by deleting the policy that allowed', async () => {
    const isolate = networkPolicy('red/isolate', { podSelector: app('server') });
    const open = ciliumPolicy('red/open', { endpointSelector: app('server'), ingress: [{ fromEndpoints: [{}] }] });
    await lab.apply(isolate, open);
    await cutBy(() => lab.delete(open));
    await lab.delete(isolate);
  });
});

describe('a relabelled pod', () => {
  it('loses with the label what the label allowed, open exchanges too, and gets it back with it', async () => {
    const reader = pod('red/client', { ports, labels: { role: 'reader' } });
    await lab.apply(allowRed, reader);
    const before = (await lab.status()).pods.find(({ name, namespace: space }) => space === 'red' && name === 'client')!;
    await cutBy(() => lab.apply(client));
    const after = (await lab.status()).pods.find(({ name, namespace: space }) => space === 'red' && name === 'client')!;
    expect(after.identity).not.toBe(before.identity);
    expect(after.addresses).toEqual(before.addresses);
    await lab.apply(reader);
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'blue/client -> red/server TCP 80': 'timeout' });
    await lab.apply(client);
    await lab.delete(allowRed);
  });
});

describe('a relabelled namespace', () => {
  it('changes the identity of all its pods', async () => {
    const policy = networkPolicy('red/team', {
      podSelector: app('server'),
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }] }],
    });
    await lab.apply(policy);
    await cutBy(() => lab.apply(namespace('blue', { team: 'green' })), openTalks('blue/client', 'red/server'));
    await lab.apply(namespace('blue', { team: 'blue' }));
    await expectProbes(lab, { 'blue/client -> red/server TCP 80': 'reply' });
    await lab.delete(policy);
  });
});

describe('a deleted pod', () => {
  it('is gone, and its address has nobody behind it, until a new pod comes', async () => {
    const gone = pod('red/short-lived', { ports });
    await lab.apply(gone);
    const { addresses } = (await lab.status()).pods.find(({ name }) => name === 'short-lived')!;
    await expectProbes(lab, { 'red/client -> red/short-lived UDP 53': 'reply' });
    await lab.delete(gone);
    expect((await lab.status()).pods.some(({ name }) => name === 'short-lived')).toBe(false);
    const outcomes = await lab.probe(
      ...addresses.map((address) => ({ from: 'red/client', to: `ip:${address}`, port: 80, protocol: 'TCP' as const })),
    );
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, false]);
    await lab.apply(gone);
    await expectProbes(lab, { 'red/client -> red/short-lived TCP 80': 'reply', 'outside -> red/short-lived ICMP': 'reply' });
    await lab.delete(gone);
  });
});
