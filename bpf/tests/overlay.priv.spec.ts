import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client, identities, remotePod, tunnels } from './kernel/cast.ts';
import { run } from './kernel/namespaces.ts';
import { type Placed, RealPods } from './kernel/real-pods.ts';
import { families } from './packets/talk.ts';

/*
 * A pod here and one on another node, real VXLAN devices and a wire between them. The other node is plain Linux, which says with its routes what a node of ours says with its programs: the VNI
 * of what it sends is the pod's identity, and what comes under any VNI it takes.
 */

const port = 8472;
/** Outer addresses of no network that a machine has: RFC 2544's. */
const outer = { here: '198.18.77.1', there: '198.18.77.2' } as const;
const remote = { ...tunnels.remote, address: outer.there };
let node: RealPods;
let pod: Placed;
let there: string;

beforeAll(async () => {
  node = await RealPods.load();
  there = node.namespaces.make('there');
  const within = (...args: readonly string[]) => run('ip', '-n', there, ...args);
  const wire = node.addLink('w', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', there);
  run('ip', 'address', 'add', `${outer.here}/24`, 'dev', wire.name);
  run('ip', 'link', 'set', wire.name, 'up');
  within('address', 'add', `${outer.there}/24`, 'dev', 'eth0');
  within('link', 'set', 'eth0', 'up');

  const vxlan = ['mtu', '1450', 'type', 'vxlan', 'external', 'dstport', String(port), 'nolearning'];
  within('link', 'add', 'tunnel', 'address', remote.mac, ...vxlan);
  within('link', 'set', 'tunnel', 'up');
  for (const asked of [client.ipv4, client.ipv6])
    within('neigh', 'replace', asked, 'lladdr', remote.ownMac, 'dev', 'tunnel', 'nud', 'permanent');
  for (const own of [`${remotePod.ipv4}/32`, `${remotePod.ipv6}/128`]) within('address', 'add', own, 'dev', 'lo');
  say(identities.remotePod);

  const device = node.addLink('v', 'address', remote.ownMac, ...vxlan);
  await node.attach('from_tunnel', device.ifindex, 'ingress');
  run('ip', 'link', 'set', device.name, 'arp', 'off', 'up');
  node.tables.addNode({ ...remote, interface: device.ifindex });
  for (const address of [remotePod.ipv4, remotePod.ipv6])
    node.tables.setPeer(address, { identity: identities.remotePod, node: remote.slot });
  node.tables.setApplied(identities.remotePod, true);
  pod = await node.place(client, 'client');
  for (const namespace of [there, pod.namespace]) {
    await node.serve(namespace, 4, 8080);
    await node.serve(namespace, 6, 8086);
  }
});
afterAll(() => node?.close());

/** Under which identity the other node sends its pod's packets from now on. */
function say(identity: number): void {
  for (const [family, address, source] of [
    ['-4', client.ipv4, remotePod.ipv4],
    ['-6', client.ipv6, remotePod.ipv6],
  ] as const)
    run(
      'ip',
      '-n',
      there,
      family,
      'route',
      'replace',
      address,
      'encap',
      'ip',
      'id',
      String(identity),
      'dst',
      outer.here,
      'dev',
      'tunnel',
      'src',
      source,
    );
}

describe.each(families)('pods of two nodes, through a tunnel, IPv%i', (family) => {
  const far = family === 4 ? remotePod.ipv4 : remotePod.ipv6;
  const near = family === 4 ? client.ipv4 : client.ipv6;
  const listening = family === 4 ? 8080 : 8086;

  it("answer each other's pings", async () => {
    for (const pinged of [node.ping(pod.namespace, far), node.ping(there, near)]) {
      const { status, output } = await pinged;
      expect(output).toContain('3 received');
      expect(status).toBe(0);
    }
  });

  it('hold conversations, whoever begins', async () => {
    for (const [from, to] of [
      [pod.namespace, far],
      [there, near],
    ] as const) {
      expect(await node.ask(from, 'tcp', to, listening)).toEqual({ status: 0, output: 'tcp hello' });
      expect(await node.ask(from, 'udp', to, listening)).toEqual({ status: 0, output: 'udp hello' });
    }
  });

  it('are told apart by the identity that comes with each packet', async () => {
    const other = identities.remotePod + 1;
    node.tables.setApplied(other, true);
    node.tables.policies.set(client.subject, {
      ingressDefault: 1,
      entries: [{ direction: 'ingress', peer: { identity: identities.remotePod }, protocol: 6, origin: 2 }],
    });
    expect(await node.ask(there, 'tcp', near, listening)).toEqual({ status: 0, output: 'tcp hello' });
    say(other);
    expect((await node.ask(there, 'tcp', near, listening)).status).toBe(2);
    say(identities.remotePod);
    node.tables.policies.set(client.subject, {});
  });
});
