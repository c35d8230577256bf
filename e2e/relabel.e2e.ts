import { eventually } from '@myelin/service/testing';
import { LabClients } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dropCounts } from './support/drop-counts.ts';
import { expectProbes } from './support/expect-probes.ts';
import { app, ciliumPolicy, namespace, networkPolicy, pod } from './support/manifests.ts';
import { sleep, type Talk, TestLab } from './support/test-lab.ts';

/*
 * A relabelling changes who a pod is while it speaks (design C1, C6, D2, D5). What the old labels and the new ones both allow must not lose a packet, in neither direction: the kernel's own
 * drop counters say so. What only one of them allows is denied from the moment on that the change has returned.
 */
const rounds = process.env.MYELIN_NIGHTLY === '1' ? 20 : 2;
const patience = { timeout: 120_000 + 30_000 * rounds };
const ports = [80, 81, 82, { containerPort: 53, protocol: 'UDP' as const }];
const colours = ['blue', 'green'] as const;
type Colour = (typeof colours)[number];
const coloured = (colour: Colour) => ({ matchLabels: { colour } });
const moving = (colour: Colour) => pod('red/moving', { ports, labels: { colour } });
/** The port that this colour must not use, in neither direction. */
const shutPort = { blue: 81, green: 82 } as const;
const shut = (colour: Colour) => [{ ports: [{ port: `${shutPort[colour]}`, protocol: 'TCP' }] }];

/** What a packet that a rule denies is counted under; everything else would be a packet that was allowed. */
const denied = ['Deny rule'];
let lab: TestLab;
let clients: LabClients;

beforeAll(async () => {
  lab = await TestLab.up(
    namespace('red'),
    pod('red/peer', { ports }),
    moving('blue'),
    networkPolicy('red/peer', {
      podSelector: app('peer'),
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: colours.map((colour) => ({ podSelector: coloured(colour) })) }],
      egress: [{ to: colours.map((colour) => ({ podSelector: coloured(colour) })) }],
    }),
    ...colours.map((colour) =>
      networkPolicy(`red/${colour}`, {
        podSelector: coloured(colour),
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ podSelector: app('peer') }] }],
        egress: [{ to: [{ podSelector: app('peer') }] }],
      }),
    ),
    ciliumPolicy('red/peer-shuts', {
      endpointSelector: app('peer'),
      ingressDeny: colours.map((colour) => ({ fromEndpoints: [coloured(colour)], toPorts: shut(colour) })),
    }),
    ...colours.map((colour) =>
      ciliumPolicy(`red/${colour}-shuts`, {
        endpointSelector: coloured(colour),
        ingressDeny: [{ fromEndpoints: [app('peer')], toPorts: shut(colour) }],
      }),
    ),
  );
  clients = new LabClients(lab.running);
});
afterAll(async () => {
  clients?.[Symbol.dispose]();
  await lab?.[Symbol.asyncDispose]();
});

/** Every protocol and family, the pod as client and as server. */
const openTalks = (): Talk[] =>
  ([4, 6] as const).flatMap((family) =>
    [['red/moving', 'red/peer'] as const, ['red/peer', 'red/moving'] as const].flatMap(([from, to]) => [
      lab.talk(from, to, 'TCP', 80, family),
      lab.talk(from, to, 'UDP', 53, family),
      lab.talk(from, to, 'ICMP', 0, family),
    ]),
  );

/** Has everything flow while `change` happens, and sees that not one allowed packet was dropped. */
async function dropsNothing(change: () => Promise<unknown>): Promise<void> {
  const talks = openTalks();
  try {
    await Promise.all(talks.map((talk) => talk.flows()));
    const before = await dropCounts(lab, 'node-1', denied);
    await change();
    await Promise.all(talks.map((talk) => talk.flows()));
    expect(await dropCounts(lab, 'node-1', denied)).toEqual(before);
    expect(talks.filter(({ ended }) => ended !== undefined).map(({ name, ended }) => `${name}: ${ended?.error}`)).toEqual([]);
  } finally {
    await Promise.all(talks.map((talk) => talk[Symbol.asyncDispose]()));
  }
}

/** The policy of this colour holds, the other's doesn't, in both directions. */
const expectPolicyOf = (colour: Colour) =>
  expectProbes(
    lab,
    Object.fromEntries(
      colours.flatMap((each) => {
        const result = each === colour ? ('timeout' as const) : ('reply' as const);
        return [
          [`red/moving -> red/peer TCP ${shutPort[each]}`, result],
          [`red/peer -> red/moving TCP ${shutPort[each]}`, result],
        ];
      }),
    ),
  );

/** The labels that the allocator has numbers for, once it has only those that pods have. */
const expectNumbersOf = (...sets: readonly string[][]) =>
  eventually(async () => {
    const { identities } = await clients.identity().list({ labels: [] });
    const own = identities.map(({ labels }) => labels.filter((label) => /^k8s:(app|colour)=/.test(label)));
    expect(own.sort()).toEqual([...sets].sort());
    return true;
  });
const setsWith = (colour: Colour) => [['k8s:app=moving', `k8s:colour=${colour}`], ['k8s:app=peer']];
const other = (round: number): Colour => colours[(round + 1) % 2]!;

describe('a pod that is relabelled under traffic', () => {
  it(
    'loses no packet that both labels allow; what the new label denies is denied when the change returns, and nothing else (D2)',
    patience,
    async () => {
      await dropsNothing(async () => {
        for (let round = 0; round < rounds; round += 1) {
          await lab.apply(moving(other(round)));
          await expectPolicyOf(other(round));
        }
      });
      await expectNumbersOf(...setsWith(other(rounds - 1)));
      await lab.apply(moving('blue'));
    },
  );

  it(
    'loses none when it is relabelled again and again before anything has settled, and keeps no number that it doesn’t use (C1)',
    patience,
    async () => {
      await dropsNothing(async () => {
        for (let round = 0; round < 4 * rounds; round += 1) await lab.apply(moving(other(round)));
      });
      await expectPolicyOf('blue');
      await expectNumbersOf(...setsWith('blue'));
    },
  );
});

describe('a namespace that is relabelled under traffic', () => {
  it('loses no packet between its pods, all of which become somebody else', patience, async () => {
    const before = (await lab.status()).pods.map(({ identity }) => identity);
    await dropsNothing(async () => {
      for (let round = 0; round < rounds; round += 1) await lab.apply(namespace('red', { round: `${round}` }));
    });
    const after = (await lab.status()).pods.map(({ identity }) => identity);
    expect(after.filter((identity) => before.includes(identity))).toEqual([]);
    await expectNumbersOf(...setsWith('blue'));
  });
});

/** When the agent is killed: as soon as it was asked; when it has a second number; when it has changed over and the first number is not given back yet. */
const moments: readonly ((answered: Promise<unknown>) => Promise<unknown>)[] = [
  () => sleep(1),
  (answered) => Promise.race([answered, eventually(async () => (await clients.identity().list({ labels: [] })).identities.length > 2)]),
  (answered) => answered,
];

describe('an agent that is killed in the middle of a relabelling', () => {
  it('cuts nothing, goes on with it when it comes back, and leaves no number behind (C1, D6)', patience, async () => {
    await dropsNothing(async () => {
      for (let round = 0; round < rounds; round += 1) {
        const { endpoints } = await clients.agent('node-1').listEndpoints({});
        const { spec } = endpoints.find((endpoint) => endpoint.spec?.name === 'moving')!;
        // Asked by nobody any more, it has to remember by itself.
        const update = clients.agent('node-1').updateEndpoint({ spec: { ...spec!, labels: { app: 'moving', colour: other(round) } } });
        const answered = update.catch(() => {});
        await moments[round % moments.length]!(answered);
        process.kill(lab.running.state.nodes[0]!.agent!.pid, 'SIGKILL');
        await sleep(100);
        await lab.must('fault', 'start', 'node-agent:node-1');
        await eventually(async () => {
          const { endpoints: now } = await clients.agent('node-1').listEndpoints({});
          return now.every(({ state }) => state === 'ready');
        });
        await lab.apply(moving(other(round)));
        await expectPolicyOf(other(round));
        await expectNumbersOf(...setsWith(other(round)));
      }
    });
  });
});
