import type { Endpoint } from '@myelin/contracts/agent';
import { eventually } from '@myelin/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoneNode, type Talker } from './testing/lone-node.ts';

/*
 * One node whose tables are made so small that they can be filled: what finds no room is refused by name and counted, and nobody else notices.
 */

/** What the node itself needs of `addresses_v4` is its own addresses; the rest is for pods. `policy_entries` counts buckets of four. */
const sizes = 'addresses_v4=5,policy_entries=10';
/** A block of six usable addresses, one of two. */
const blocks = '10.9.0.0/29,fd00:9::/64';

let node: LoneNode;
let web: Endpoint;
let client: Endpoint;
let talker: Talker;

const [v4, v6] = [0, 1] as const;
const create = async (name: string, labels?: Record<string, string>) =>
  (await node.agent().createEndpoint({ spec: node.pod(name, labels) })).endpoint!;
const names = async () => (await node.agent().listEndpoints({})).endpoints.map(({ spec }) => spec!.name).sort();

/** A policy of pods labelled `app`, with an entry for each of `ports` single ports, none next to another. */
const policy = (app: string, ports: number) =>
  JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: app, namespace: 'shop' },
    spec: {
      podSelector: { matchLabels: { app } },
      ingress: [{ ports: [{ port: 80 }, ...Array.from({ length: ports }, (_, index) => ({ port: 1001 + 2 * index }))] }],
    },
  });

async function expectNeighboursUntouched(): Promise<void> {
  expect(await Promise.all([v4, v6].map(async (family) => (await talker.open(web.addresses[family]!, 80)).answer))).toEqual([
    'echoed',
    'echoed',
  ]);
  expect((await talker.open(web.addresses[v4]!, 81)).answer).toBe('timeout');
}

beforeAll(async () => {
  node = await LoneNode.create();
  await node.startAgent('--table-sizes', sizes, '--pod-cidr', blocks);
  [web, client] = [await create('web'), await create('client')];
  const server = node.talker(web.spec!.netns);
  talker = node.talker(client.spec!.netns);
  await Promise.all([80, 81].map((port) => server.listen(port)));
  const { revision } = await node.policies().apply({ documents: [policy('web', 0)] });
  await eventually(async () => {
    const { appliedPolicyRevision } = await node.agent().getStatus({});
    return appliedPolicyRevision?.counter === revision!.counter;
  });
});
afterAll(() => node?.close());

describe('a table without room', () => {
  it('of policy refuses the edit by name: what was in force stays, neighbours are untouched, the refusal is counted', async () => {
    await expectNeighboursUntouched();
    await node.policies().apply({ documents: [policy('client', 40)] });
    await eventually(async () => (await node.agent().getStatus({})).lastError.includes('policy_entries'));
    expect((await node.agent().getStatus({})).lastError).toMatch(
      /no room for the policy of identity \d+: it has 42 entries, policy_entries has \d+ of 40 places taken/,
    );
    expect(node.metric('bpf_map_refusals', 'map_name="policy_entries"')).toBeGreaterThan(0);
    await expectNeighboursUntouched();
  });

  it('of policy holds up no new pod that needs none of it', async () => {
    const late = await create('late', { app: 'late' });
    expect(late.state).toBe('ready');
    const visitor = node.talker(late.spec!.netns);
    expect((await visitor.open(web.addresses[v4]!, 80)).answer).toBe('echoed');
    await node.agent().deleteEndpoint({ uid: late.spec!.uid });
  });

  it('of policy tells who asks for a pod that needs it, and lets the pod in once there is room', async () => {
    await node.policies().apply({ documents: [policy('greedy', 40)] });
    const spec = node.pod('greedy');
    const asked = node.agent().createEndpoint({ spec });
    await expect(asked).rejects.toMatchObject({ code: 'resource_exhausted', message: expect.stringContaining('policy_entries') });
    const { endpoint } = await node.agent().getEndpoint({ uid: spec.uid });
    expect(endpoint).toMatchObject({ state: 'waiting-for-policy', message: expect.stringMatching(/no room .*policy_entries/) });
    await expectNeighboursUntouched();
    const { revision } = await node.policies().apply({ documents: [policy('client', 1), policy('greedy', 1)] });
    await eventually(async () => (await node.agent().getStatus({})).appliedPolicyRevision?.counter === revision!.counter);
    expect((await node.agent().createEndpoint({ spec })).endpoint?.state).toBe('ready');
    await node.agent().deleteEndpoint({ uid: spec.uid });
  });

  it('of addresses refuses the endpoint by name, takes it back, and leaves its addresses free', async () => {
    const made: string[] = [];
    let refusal: unknown;
    for (let n = 1; n <= 4 && refusal === undefined; n += 1) {
      await create(`more-${n}`).then(
        ({ spec }) => made.push(spec!.uid),
        (error) => {
          refusal = error;
        },
      );
    }
    expect(refusal).toMatchObject({
      code: 'resource_exhausted',
      message: expect.stringMatching(/no room for 10\.9\.0\.\d: the table addresses_v4 is full/),
    });
    expect(node.metric('bpf_map_refusals', 'map_name="addresses_v4"')).toBeGreaterThan(0);
    await eventually(async () => (await names()).length === 2 + made.length);
    await expectNeighboursUntouched();
    for (const uid of made) await node.agent().deleteEndpoint({ uid });
    await eventually(async () => (await names()).length === 2);
    expect((await create('after')).state).toBe('ready');
    await node.agent().deleteEndpoint({ uid: 'uid-after' });
  });
});
