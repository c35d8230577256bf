import { setTimeout as sleep } from 'node:timers/promises';
import { type Endpoint, MonitorRequest } from '@myelin/contracts/agent';
import type { Flow } from '@myelin/contracts/flow';
import { deniedByDefault } from '@myelin/flow-api';
import { eventually } from '@myelin/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addresses, LoneNode, type Talker } from './testing/lone-node.ts';

const policy = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace: 'shop' }, spec });
/** Who may reach web on 80; nobody else, and on nothing else. */
const onlyFrom = (app: string) =>
  policy('web', {
    podSelector: { matchLabels: { app: 'web' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app } } }], ports: [{ port: 80 }] }],
  });

let node: LoneNode;
let web: Endpoint;
let client: Endpoint;
let webTalker: Talker;
let clientTalker: Talker;

async function create(name: string, labels?: Record<string, string>): Promise<Endpoint> {
  return (await node.agent().createEndpoint({ spec: node.pod(name, labels) })).endpoint!;
}
const [v4, v6] = [0, 1] as const;
const answerOf = async (talker: Talker, host: string, port: number) => (await talker.open(host, port)).answer;

/** Applies a document and waits until the node's kernel holds it. */
async function apply(document: string): Promise<void> {
  const { revision } = await node.policies().apply({ documents: [document] });
  await eventually(async () => {
    const { appliedPolicyRevision: applied } = await node.agent().getStatus({});
    return applied !== undefined && applied.incarnation === revision!.incarnation && applied.counter >= revision!.counter;
  });
}

async function lastFlows(filter: Partial<MonitorRequest>): Promise<Flow[]> {
  const flows: Flow[] = [];
  for await (const { flow } of node.agent().monitor(MonitorRequest.fromPartial({ last: 100, ...filter })))
    if (flow !== undefined) flows.push(flow);
  return flows;
}

/** What the kernel's row of an endpoint says of its ready flag. */
async function isReady({ slot }: Endpoint): Promise<string | undefined> {
  for await (const { rows } of node.agent().readMap({ map: 'endpoints' }))
    for (const { cells } of rows) if (cells[0] === String(slot)) return cells.at(-1);
  return undefined;
}

beforeAll(async () => {
  node = await LoneNode.create();
  await node.startAgent();
  [web, client] = await Promise.all([create('web'), create('client')]);
  [webTalker, clientTalker] = [node.talker(web.spec!.netns), node.talker(client.spec!.netns)];
  await Promise.all([80, 81].map((port) => webTalker.listen(port)));
});
afterAll(() => node?.close());

describe('a node with two pods', () => {
  it('lets them talk in both families while no policy selects them', async () => {
    for (const address of web.addresses) expect(await answerOf(clientTalker, address, 80)).toBe('echoed');
  });
  it('reaches its pods itself', () => {
    for (const address of web.addresses) expect(node.exec('ping', '-c', '1', '-W', '1', address)).toContain('1 received');
  });
  it('hides pods behind its own address outside', async () => {
    const outside = node.talker(node.outside);
    await outside.listen(8080);
    const { answer } = await clientTalker.open(addresses.outside[v4], 8080);
    expect(answer).toBe('echoed');
    expect(node.exec('nft', 'list', 'table', 'inet', 'myelin')).toContain('masquerade');
    expect(await answerOf(clientTalker, addresses.outside[v6], 8080)).toBe('echoed');
  });
  it('gives the same endpoint when it is asked for again', async () => {
    const again = await node.agent().createEndpoint({ spec: web.spec });
    expect(again.endpoint).toMatchObject({ addresses: web.addresses, identity: web.identity, slot: web.slot });
  });
});

describe('a policy', () => {
  beforeAll(() => apply(onlyFrom('client')));
  it('is enforced when its revision is reported as applied: what it allows passes, the rest drops', async () => {
    expect(await answerOf(clientTalker, web.addresses[v4]!, 80)).toBe('echoed');
    expect(await answerOf(clientTalker, web.addresses[v6]!, 81)).toBe('timeout');
  });
  it('is named by the flows: the rule that allowed, the policy whose default deny dropped, both ends by name', async () => {
    await answerOf(clientTalker, web.addresses[v4]!, 81);
    const [dropped] = (await lastFlows({ verdicts: ['DROPPED'], ports: [81] })).slice(-1);
    expect(dropped).toMatchObject({
      dropReason: 133,
      source: { podName: 'client' },
      destination: { podName: 'web', labels: expect.arrayContaining(['k8s:app=web']) },
    });
    expect(deniedByDefault(dropped!).ingress).toMatchObject([{ kind: 'NetworkPolicy', namespace: 'shop', name: 'web' }]);
    const allowed = (await lastFlows({ verdicts: ['FORWARDED'], ports: [80] })).flatMap((flow) => flow.ingressAllowedBy);
    expect(allowed).toContainEqual(expect.objectContaining({ name: 'web', labels: expect.arrayContaining(['rule=ingress[0]']) }));
  });
  it('that changes bites the next packet of an open connection', async () => {
    const connection = await clientTalker.open(web.addresses[v4]!, 80);
    expect(connection.answer).toBe('echoed');
    await apply(onlyFrom('somebody-else'));
    expect(await connection.talk()).toBe('timeout');
    await apply(onlyFrom('client'));
  });
  it('follows a relabelled pod', async () => {
    const { endpoint } = await node.agent().updateEndpoint({ spec: { ...client.spec!, labels: { app: 'other' } } });
    expect(endpoint).toMatchObject({ state: 'ready', addresses: client.addresses });
    expect(endpoint!.identity).not.toBe(client.identity);
    expect(await answerOf(clientTalker, web.addresses[v4]!, 80)).toBe('timeout');
    const back = await node.agent().updateEndpoint({ spec: client.spec });
    expect(back.endpoint!.identity).toBe(client.identity);
    expect(await answerOf(clientTalker, web.addresses[v4]!, 80)).toBe('echoed');
  });
});

describe('an agent that is killed', () => {
  it('leaves what flows flowing and what is denied denied; the next one adopts it all (D6, D9)', async () => {
    const connection = await clientTalker.open(web.addresses[v4]!, 80);
    const before = (await node.agent().listEndpoints({})).endpoints.map(({ slot, addresses: own, identity }) => ({ slot, own, identity }));
    await node.killAgent();
    expect(await connection.talk()).toBe('echoed');
    expect(await answerOf(clientTalker, web.addresses[v4]!, 80)).toBe('echoed');
    expect(await answerOf(clientTalker, web.addresses[v4]!, 81)).toBe('timeout');
    await node.startAgent();
    expect(await connection.talk()).toBe('echoed');
    expect(await answerOf(clientTalker, web.addresses[v4]!, 81)).toBe('timeout');
    const after = (await node.agent().listEndpoints({})).endpoints.map(({ slot, addresses: own, identity }) => ({ slot, own, identity }));
    expect(after).toEqual(before);
    await apply(onlyFrom('somebody-else'));
    expect(await connection.talk()).toBe('timeout');
    await apply(onlyFrom('client'));
  });
});

describe('an endpoint that cannot be made', () => {
  it('is refused by name, and leaves nothing behind', async () => {
    const spec = node.pod('late');
    const taken = node.agent().createEndpoint({ spec: { ...spec, addresses: [web.addresses[v4]!] } });
    await expect(taken).rejects.toMatchObject({ code: 'already_exists', message: expect.stringContaining('shop/web') });
    const nowhere = node.agent().createEndpoint({ spec: { ...spec, netns: '/run/netns/nowhere' } });
    await expect(nowhere).rejects.toMatchObject({ code: 'invalid_argument', message: expect.stringContaining('/run/netns/nowhere') });
    await expect(node.agent().createEndpoint({ spec: { ...spec, uid: '', interfaceName: 'a/b' } })).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await eventually(async () => (await node.agent().listEndpoints({})).endpoints.length === 2);
    expect((await node.agent().createEndpoint({ spec })).endpoint?.state).toBe('ready');
  });
});

describe('an endpoint whose interface cannot be made', () => {
  it('leaves no pair, no program and no record behind, and comes up once it can', async () => {
    const spec = node.pod('occupied');
    const inPod = (...words: string[]) => node.exec('nsenter', `--net=${spec.netns}`, ...words);
    inPod('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other');
    const before = node.exec('ip', '-br', 'link');
    await expect(node.agent().createEndpoint({ spec })).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('eth0'),
    });
    await eventually(async () => (await node.agent().listEndpoints({})).endpoints.every((endpoint) => endpoint.spec?.uid !== spec.uid));
    expect(node.exec('ip', '-br', 'link')).toBe(before);
    inPod('ip', 'link', 'delete', 'eth0');
    const { endpoint } = await node.agent().createEndpoint({ spec });
    expect(endpoint?.state).toBe('ready');
    await node.agent().deleteEndpoint({ uid: spec.uid });
  });
});

describe('the programs of an endpoint', () => {
  const filters = ({ hostInterface }: Endpoint) =>
    ['ingress', 'egress'].map((side) => node.exec('tc', 'filter', 'show', 'dev', hostInterface, side)).join('');
  const pinsOf = ({ hostInterface }: Endpoint) => node.linkPins.filter((pin) => pin.startsWith(hostInterface));

  it('move from filters to tcx links when no endpoint is being made, and nothing notices', async () => {
    const mover = await create('mover', { app: 'client' });
    const talker = node.talker(mover.spec!.netns);
    const connection = await talker.open(web.addresses[v4]!, 80);
    await eventually(() => pinsOf(mover).length === 2 && filters(mover) === '');
    expect(await connection.talk()).toBe('echoed');
    expect(await answerOf(talker, web.addresses[v4]!, 81)).toBe('timeout');
    await node.agent().deleteEndpoint({ uid: mover.spec!.uid });
    expect(pinsOf(mover)).toEqual([]);
  });
  it('go with the endpoint, wherever their move stands', async () => {
    const spec = node.pod('restless', { app: 'client' });
    for (const pauseMs of [0, 245, 255, 265, 280]) {
      const endpoint = (await node.agent().createEndpoint({ spec })).endpoint!;
      await sleep(pauseMs);
      await node.agent().deleteEndpoint({ uid: spec.uid });
      expect(node.exec('ip', '-br', 'link')).not.toContain(endpoint.hostInterface);
      expect(pinsOf(endpoint)).toEqual([]);
    }
  });
});

describe('an endpoint that is deleted', () => {
  it('is gone from the node when the answer comes; deleting the unknown is success', async () => {
    const gone = await create('gone');
    expect(node.exec('ip', '-br', 'link')).toContain(gone.hostInterface);
    await node.agent().deleteEndpoint({ uid: gone.spec!.uid });
    expect(node.exec('ip', '-br', 'link')).not.toContain(gone.hostInterface);
    await node.agent().deleteEndpoint({ uid: gone.spec!.uid });
    await node.agent().deleteEndpoint({ uid: 'never-was' });
    expect(await answerOf(clientTalker, gone.addresses[v4]!, 80)).toBe('timeout');
  });
});

describe('an endpoint that the allocator refuses what it had (C1)', () => {
  it('is cut off with its open connections, says why, and comes back when it is given its number again', async () => {
    const address = web.addresses[v4]!;
    const connection = await clientTalker.open(address, 80);
    expect(await connection.talk()).toBe('echoed');
    const [rows, row] = [
      'myelin:stream:endpoints:rows',
      { address, identity: 300, node: 'other', endpointUid: 'u', namespace: '', name: '' },
    ];
    // While the agent sleeps its node is taken away, and the address becomes another one's.
    process.kill(node.agentPid, 'SIGSTOP');
    await node.identities().removeNode({ name: 'n1' });
    node.exec('redis-cli', 'HSET', rows, address, `1 1 + ${JSON.stringify(row)}`);
    process.kill(node.agentPid, 'SIGCONT');
    const message = async () => (await node.agent().listEndpoints({})).endpoints.find(({ spec }) => spec!.name === 'web')!.message;
    await eventually(async () => (await message()).startsWith('cut off: '), 20_000);
    expect(await answerOf(clientTalker, address, 80)).toBe('timeout');
    expect(await connection.talk()).not.toBe('echoed');
    // By now the address is another node's and the number nobody's, which alone would stop both: the kernel's own row has to say it.
    expect(await isReady(web)).toBe('no');
    expect(node.metric('endpoint_cut_off')).toBe(1);
    await node.ready();
    node.exec('redis-cli', 'HDEL', rows, address);
    await eventually(async () => (await answerOf(clientTalker, address, 80)) === 'echoed', 30_000);
    expect((await node.agent().listEndpoints({})).endpoints.find(({ spec }) => spec!.name === 'web')).toMatchObject({
      state: 'ready',
      identity: web.identity,
    });
    expect(await isReady(web)).toBe('yes');
    expect(node.metric('endpoint_cut_off')).toBe(0);
  });
});

describe('a node without its policy compiler', () => {
  it('brings up an endpoint whose policy it holds (C4)', async () => {
    await node.stopService('policy-compiler');
    const twin = await create('twin', { app: 'client' });
    expect(twin).toMatchObject({ state: 'ready', identity: client.identity });
    const talker = node.talker(twin.spec!.netns);
    expect(await answerOf(talker, web.addresses[v4]!, 80)).toBe('echoed');
    expect(await answerOf(talker, web.addresses[v4]!, 81)).toBe('timeout');
  });
});
