import { once } from 'node:events';
import { join } from 'node:path';
import { deniedAt, deniedBy, findDrop, LabClients, type ProbeRequest, runProbes } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, ciliumPolicy, namespace, networkPolicy, node, pod } from './support/manifests.ts';
import { startAt } from './support/place-process.ts';
import { TestLab } from './support/test-lab.ts';

const program = join(import.meta.dirname, 'support', 'nodes.mjs');
const policyDenied = 133;
const megabytes = 32;
const families = [4, 6] as const;
const on = (name: string) => ({ spec: { nodeName: name } });

/** Clients in the north, servers in the south. Nothing may enter the client by itself: what comes back belongs to its flows. */
const manifests = [
  node('north', [], ['10.31.0.0/24', 'fd31::/64']),
  node('south', [], ['10.32.0.0/24', 'fd32::/64']),
  namespace('red'),
  pod('red/client', on('north')),
  pod('red/stranger', on('north')),
  pod('red/server', { ports: [80, { containerPort: 53, protocol: 'UDP' }], ...on('south') }),
  pod('red/for-nodes', on('south')),
  networkPolicy('red/server', {
    podSelector: app('server'),
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector: app('client') }] }],
  }),
  networkPolicy('red/client', { podSelector: app('client'), policyTypes: ['Ingress'], ingress: [] }),
  ciliumPolicy('red/for-nodes', { endpointSelector: app('for-nodes'), ingress: [{ fromEntities: ['remote-node'] }] }),
];

const ways = [
  { name: 'in tunnels over IPv4', options: ['--routing', 'overlay'], mtu: 1450, isOverlay: true },
  { name: 'in tunnels over IPv6', options: ['--routing', 'overlay', '--underlay', 'ipv6'], mtu: 1430, isOverlay: true },
  { name: 'as they are, by routes', options: ['--routing', 'native'], mtu: 1500, isOverlay: false },
] as const;

describe.each(ways)('two nodes whose packets travel $name', ({ options, mtu, isOverlay }) => {
  let lab: TestLab;
  let addresses: ReadonlyMap<string, readonly string[]>;
  beforeAll(async () => {
    lab = await TestLab.upWith(options, ...manifests);
    const { nodes, pods } = await lab.status();
    addresses = new Map([...nodes, ...pods].map((each) => [each.name, each.addresses]));
  });
  afterAll(() => lab?.[Symbol.asyncDispose]());

  const exec = (place: string, ...command: readonly string[]) => startAt(lab, place, ...command).output;
  const addressOf = (name: string, family: 4 | 6) => addresses.get(name)!.find((address) => address.includes(':') === (family === 6))!;

  /** How often a node's programs counted this, by the line of its metrics. */
  async function counted(place: string, name: string, labels: readonly string[]): Promise<number> {
    const script = "fetch('http://127.0.0.1:9090/metrics').then(async(r)=>process.stdout.write(await r.text()))";
    const metrics = await exec(`node:${place}`, process.execPath, '-e', script);
    const lines = metrics.split('\n').filter((line) => line.startsWith(name) && labels.every((label) => line.includes(label)));
    return lines.reduce((total, line) => total + Number(/} (\S+)/.exec(line)![1]), 0);
  }

  it('reach each other where policy permits it: pods, a node’s stack and pods of the other node, the outside', async () => {
    await expectProbes(lab, {
      'red/client -> red/server TCP 80': 'reply',
      'red/client -> red/server UDP 53': 'reply',
      'red/client -> red/server ICMP': 'reply',
      'red/stranger -> red/server TCP 80': 'timeout',
      'red/server -> red/client TCP 80': 'timeout',
      'red/server -> red/stranger TCP 80': 'reply',
      'node:north -> red/for-nodes TCP 80': 'reply',
      // The node where a pod runs may always reach it.
      'node:south -> red/for-nodes TCP 80': 'reply',
      'red/stranger -> red/for-nodes TCP 80': 'timeout',
      'node:north -> red/server TCP 80': 'timeout',
      'red/client -> node:south TCP 8080': 'reply',
      'red/client -> node:south ICMP': 'reply',
      'red/client -> outside TCP 80': 'reply',
      'outside -> red/stranger TCP 80': 'reply',
      'node:north -> node:south TCP 8080': 'reply',
    });
  });

  it('see each other’s own addresses: nothing between nodes is masqueraded', async () => {
    const probe = (from: string, to: string, family: 4 | 6): ProbeRequest => ({
      from,
      to,
      port: to.startsWith('node') ? 8080 : 80,
      protocol: 'TCP',
      family,
    });
    const probes = families.flatMap((family) => [
      probe('red/client', 'red/server', family),
      probe('red/client', 'node:south', family),
      probe('node:north', 'red/for-nodes', family),
    ]);
    const replies = await runProbes(lab.running, probes);
    const seen = families.flatMap((family) => [
      `red/server ${addressOf('client', family)}`,
      `node:south ${addressOf('client', family)}`,
      `red/for-nodes ${addressOf('north', family)}`,
    ]);
    expect(replies.map(({ reply }) => reply)).toEqual(seen);
  });

  it('report a denial on the node of the receiver, with labels of both ends and the rule', async () => {
    using clients = new LabClients(lab.running);
    const probe = { from: 'red/stranger', to: 'red/server', port: 80, protocol: 'TCP' } as const;
    await runProbes(
      lab.running,
      families.map((family) => ({ ...probe, family })),
    );
    for (const family of families) {
      const ends = { destination: addressOf('server', family), source: [addressOf('stranger', family)] };
      const drop = await findDrop(clients, ['south'], { protocol: 'TCP', port: 80, sourcePort: 0, ...ends });
      expect(drop, `IPv${family}`).toMatchObject({
        dropReason: policyDenied,
        source: { podName: 'stranger', labels: expect.arrayContaining(['k8s:app=stranger']) },
        destination: { podName: 'server', labels: expect.arrayContaining(['k8s:app=server']) },
      });
      expect([deniedAt(drop!), deniedBy(drop!)]).toEqual(['ingress', ['NetworkPolicy red/server']]);
    }
  });

  it('pour bulk transfers in aggregates, with the right MTU', async () => {
    expect(await exec('red/client', 'ip', 'link', 'show', 'dev', 'eth0')).toContain(`mtu ${mtu} `);
    const labels = [isOverlay ? 'class="forward_to_node"' : 'class="forward_to_stack"', 'direction="egress"'];
    const forwarded = () => Promise.all(['count', 'bytes'].map((what) => counted('north', `myelin_forward_${what}_total`, labels)));
    const before = await forwarded();
    for (const family of families) {
      await using sink = startAt(lab, 'red/server', process.execPath, program, 'sink', '9001');
      await once(sink.child.stdout!, 'data');
      const poured = await exec('red/client', process.execPath, program, 'pour', addressOf('server', family), '9001', String(megabytes));
      expect(poured.trim(), `IPv${family}`).toBe(String(megabytes << 20));
      await sink.output;
    }
    const [packets, bytes] = (await forwarded()).map((count, index) => count - before[index]!) as [number, number];
    expect(bytes).toBeGreaterThan(2 * (megabytes << 20));
    expect(bytes / packets).toBeGreaterThan(4 * mtu);
  });

  it('tell a pod that sends more than the way takes, by an error that belongs to its flow', async () => {
    const raise = "for i in $(ip -o link show type veth | cut -d' ' -f2 | cut -d@ -f1 | grep '^my'); do ip link set dev $i mtu 9000; done";
    await Promise.all([exec('node:north', 'sh', '-c', raise), exec('red/client', 'ip', 'link', 'set', 'dev', 'eth0', 'mtu', '9000')]);
    for (const family of families) {
      const payload = mtu - (family === 4 ? 28 : 48);
      const ping = (size: number) =>
        exec('red/client', 'ping', `-${family}`, '-M', 'do', '-c', '1', '-W', '1', '-s', String(size), addressOf('server', family));
      expect(await ping(payload)).toContain('1 received');
      expect(await ping(payload + 1)).toMatch(new RegExp(`mtu ?[=:] ?${mtu}`));
    }
  });

  it.runIf(isOverlay)('refuse what looks like a tunnel’s packet and comes from no node: from outside, and from a pod (183)', async () => {
    const [server, client] = [addressOf('server', 4), addressOf('client', 4)];
    const identity = (await lab.status()).pods.find(({ name }) => name === 'client')!.identity;
    const refused = () => counted('south', 'myelin_drop_count_total', ['reason="Invalid vni"']);
    const before = await refused();
    for (const [index, place] of ['outside', 'red/client'].entries()) {
      await exec(place, process.execPath, program, 'vxlan', addressOf('south', 4), '8472', String(identity), client, server, '53');
      expect(await refused(), place).toBe(before + index + 1);
    }
  });
});
