import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, namespace, networkPolicy, node, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

/** Room for six pods: IPv4 leaves the first and the last address of a block unused. */
const ranges = ['10.77.0.0/29', 'fd77::/64'];
let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up(
    node('edge', ['192.168.40.5', '2001:db8:40::5'], ranges),
    namespace('red'),
    pod('red/server'),
    pod('red/client'),
    pod('red/host', { ports: [9100], spec: { hostNetwork: true } }),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const podNamed = async (name: string) => (await lab.status()).pods.find((each) => each.name === name)!;

describe('a Node manifest', () => {
  it('gives its InternalIPs and pod ranges to the node', async () => {
    const { nodes, pods, outside } = await lab.status();
    expect(nodes).toMatchObject([
      { name: 'edge', addresses: ['192.168.40.5', '2001:db8:40::5'], podCIDRs: ranges, agent: { ready: true } },
    ]);
    expect(outside).toEqual({ addresses: ['198.51.100.10', '2001:db8:ffff::10'] });
    for (const { name, addresses } of pods.filter((each) => each.name !== 'host')) {
      expect(addresses[0], name).toMatch(/^10\.77\.0\.[1-6]$/);
      expect(addresses[1], name).toMatch(/^fd77::/);
    }
  });
  it('is reached under these addresses, and pods leave the node with them', async () => {
    await expectProbes(lab, {
      'outside -> node:edge TCP 8080': 'reply',
      'outside -> node:edge UDP 8080': 'reply',
      'node:edge -> red/server TCP 80': 'reply',
      'red/client -> node:edge ICMP': 'reply',
    });
    const replies = await lab.probe(
      { from: 'red/client', to: 'outside', port: 80, protocol: 'TCP', family: 4 },
      { from: 'red/client', to: 'outside', port: 443, protocol: 'UDP', family: 6 },
      { from: 'red/client', to: 'red/server', port: 80, protocol: 'TCP', family: 4 },
    );
    const { addresses } = await podNamed('client');
    expect(replies.map(({ reply }) => reply)).toEqual(['outside 192.168.40.5', 'outside 2001:db8:40::5', `red/server ${addresses[0]}`]);
  });
});

describe('a pod with hostNetwork', () => {
  it('has its node’s addresses and identity, and runs what it names there', async () => {
    expect(await podNamed('host')).toMatchObject({ addresses: ['192.168.40.5', '2001:db8:40::5'], identity: 1, state: 'ready' });
    await expectProbes(lab, { 'red/client -> red/host TCP 9100': 'reply', 'outside -> red/host TCP 9100': 'reply' });
  });
});

describe('addresses that run out or are taken', () => {
  it('fail the pod that asks for a taken one, by name, and nobody else', async () => {
    const { addresses } = await podNamed('server');
    const thief = pod('red/thief', { annotations: { 'myelin.io/addresses': addresses.join(',') } });
    const result = await lab.run('apply', '-f', lab.file([thief, pod('red/honest')]));
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/Pod red\/thief on edge: .*10\.77\.0\.\d.*red\/server/);
    expect(await podNamed('thief')).toMatchObject({ state: 'failed', message: expect.stringContaining('red/server') });
    expect(await podNamed('honest')).toMatchObject({ state: 'ready' });
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'red/client -> red/honest TCP 80': 'reply' });
    await lab.delete(thief, pod('red/honest'));
  });

  it('give a pod the address that it asks for when it is free', async () => {
    const asking = pod('red/asking', { annotations: { 'myelin.io/addresses': '10.77.0.6,fd77::1:6' } });
    await lab.apply(asking);
    expect((await podNamed('asking')).addresses).toEqual(['10.77.0.6', 'fd77::1:6']);
    await expectProbes(lab, { 'red/client -> red/asking TCP 80': 'reply' });
    await lab.delete(asking);
  });

  it('fail the pods for which a full block has none, and the others go on, also after one has gone', async () => {
    const many = Array.from({ length: 6 }, (_, index) => pod(`red/many-${index}`));
    const result = await lab.run('apply', '-f', lab.file(many));
    expect(result.status).toBe(1);
    const failed = (await lab.status()).pods.filter(({ state }) => state === 'failed');
    expect(failed).toHaveLength(2);
    for (const { name, message } of failed) {
      expect(result.stderr).toContain(`Pod red/${name} on edge: `);
      expect(message).toMatch(/10\.77\.0\.0\/29/);
    }
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'outside -> red/client ICMP': 'reply' });
    // One leaves, and one of those that failed is tried again and gets in.
    const settled = (await lab.status()).pods.find(({ name, state }) => name.startsWith('many-') && state === 'ready')!;
    await lab.delete(pod(`red/${settled.name}`));
    await lab.apply(pod(`red/${failed[0]!.name}`));
    await expectProbes(lab, { [`red/client -> red/${failed[0]!.name} TCP 80`]: 'reply' });
    await lab.delete(...many);
  });

  it('leave policies in force for whoever gets an address after another', async () => {
    const policy = networkPolicy('red/locked', { podSelector: app('locked') });
    await lab.apply(policy, pod('red/locked'), pod('red/free'));
    await expectProbes(lab, { 'red/client -> red/locked TCP 80': 'timeout', 'red/client -> red/free TCP 80': 'reply' });
    await lab.delete(pod('red/locked'), pod('red/free'));
    await lab.apply(pod('red/free'));
    await lab.apply(pod('red/locked'));
    await expectProbes(lab, { 'red/client -> red/locked TCP 80': 'timeout', 'red/client -> red/free TCP 80': 'reply' });
    await lab.delete(policy, pod('red/locked'), pod('red/free'));
  });
});
