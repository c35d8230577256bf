import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftovers } from './support/leftovers.ts';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { startAt } from './support/place-process.ts';
import { bothFamilies, TestLab } from './support/test-lab.ts';

const program = join(import.meta.dirname, 'support', 'nodes.mjs');
const outside = { 4: '198.51.100.10', 6: '2001:db8:ffff::10' } as const;
const ports = [80, { containerPort: 53, protocol: 'UDP' as const }];
const machineRules = () => execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });

let lab: TestLab;
let machineRulesBefore: string;
beforeAll(async () => {
  machineRulesBefore = machineRules();
  lab = await TestLab.up(
    namespace('red'),
    pod('red/client', { ports }),
    pod('red/server', { ports }),
    // Nothing reaches the client but what belongs to a flow that it began.
    networkPolicy('red/client', { podSelector: app('client'), policyTypes: ['Ingress'] }),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const rules = async () => (await lab.must('exec', 'node:node-1', '--', 'nft', 'list', 'ruleset')).stdout;

/** Restarts the agent, with other settings from its environment. */
async function restartAgent(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  await lab.must('fault', 'kill', 'node-agent:node-1');
  const { status, stderr } = await lab.runWith(settings, 'fault', 'start', 'node-agent:node-1');
  expect(status, stderr).toBe(0);
}

/** Whom each place takes the client for, over both families and protocols. */
async function seenAs(): Promise<Readonly<Record<string, readonly string[]>>> {
  const places = { outside: [80, 443], 'node:node-1': [8080, 8080], 'red/server': [80, 53] } as const;
  const probes = Object.entries(places).flatMap(([to, [tcp, udp]]) => [
    ...bothFamilies({ from: 'red/client', to, port: tcp, protocol: 'TCP' }),
    ...bothFamilies({ from: 'red/client', to, port: udp, protocol: 'UDP' }),
  ]);
  const outcomes = await lab.probe(...probes);
  const seenAt = (place: string) =>
    outcomes.filter(({ to }) => to === place).map(({ reply, error }) => reply?.split(' ').at(-1) ?? `${error}`);
  return Object.fromEntries(Object.keys(places).map((place) => [place, [...new Set(seenAt(place))]]));
}

describe('masquerade', () => {
  let own: readonly string[];
  let node: readonly string[];
  beforeAll(async () => {
    const { pods, nodes } = await lab.status();
    own = pods.find(({ name }) => name === 'client')!.addresses;
    node = nodes[0]!.addresses;
  });

  it('shows the node’s address outside and the pod’s own everywhere else; a restart of the agent changes no rule', async () => {
    const expected = { outside: node, 'node:node-1': own, 'red/server': own };
    expect(await seenAs()).toEqual(expected);
    const before = await rules();
    expect(before.match(/masquerade/g)).toHaveLength(2);
    await restartAgent();
    expect(await rules()).toBe(before);
    expect(await seenAs()).toEqual(expected);
  });

  it('shows the pod’s own address to destinations that are excluded, and to them alone, as long as they are', async () => {
    const before = await rules();
    await restartAgent({ MYELIN_MASQUERADE_EXCLUDE: `${outside[4]}/32` });
    expect(await seenAs()).toEqual({ outside: [own[0], node[1]], 'node:node-1': own, 'red/server': own });
    await restartAgent();
    expect(await rules()).toBe(before);
    expect((await seenAs()).outside).toEqual(node);
  });
});

describe('a link outside that takes less than the pod sends', () => {
  const narrow = 1400;
  beforeAll(async () => {
    // The router's side alone: the outside host still announces segments that are too large for the way.
    await lab.must('exec', 'fabric', '--', 'ip', 'link', 'set', 'outside', 'mtu', `${narrow}`);
  });
  const inPod = (...command: readonly string[]) => startAt(lab, 'red/client', ...command).output;

  it.each([4, 6] as const)('is told to the pod, whose TCP stream and echoes go on over IPv%i', async (family) => {
    await using sink = startAt(lab, 'outside', process.execPath, program, 'sink', '9000');
    await once(sink.child.stdout!, 'data');
    expect((await inPod(process.execPath, program, 'pour', outside[family], '9000', '1')).trim()).toBe(`${1 << 20}`);
    expect(await inPod('ip', 'route', 'get', outside[family])).toContain(`mtu ${narrow}`);
    // As if nothing had been learnt: the answer to the ping comes from the router, not from the pod's own stack.
    await inPod('ip', `-${family}`, 'route', 'flush', 'cache');
    const headers = family === 4 ? 28 : 48;
    const ping = (bytes: number) =>
      inPod('ping', `-${family}`, '-M', 'do', '-c', '1', '-W', '1', '-s', `${bytes - headers}`, outside[family]);
    expect(await ping(narrow + 20)).toContain(family === 4 ? `Frag needed and DF set (mtu = ${narrow})` : `Packet too big: mtu=${narrow}`);
    expect(await ping(narrow)).toContain('1 received');
  });
});

describe('down', () => {
  it('leaves nothing behind of it, and has changed none of the machine’s own rules', async () => {
    await lab.must('down');
    expect(leftovers(lab.config)).toEqual([]);
    expect(machineRules()).toBe(machineRulesBefore);
  });
});
