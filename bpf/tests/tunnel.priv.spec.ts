import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  client,
  host,
  identities,
  newPod,
  nobody,
  origins,
  outside,
  populateOverlay,
  remoteNode,
  remotePod,
  server,
  thirdNode,
  thirdPod,
  tunnels,
} from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { macBytes } from './packets/bytes.ts';
import { families, type Speaker, Talk } from './packets/talk.ts';

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.load();
});
afterAll(() => node.close());
beforeEach(() => {
  node.reset();
  populateOverlay(node);
});

const zoneOfRemote = 0x8000 + tunnels.remote.slot;
const arrived = { action: 'redirect', counter: 'ingress FORWARD_TO_ENDPOINT' };
const sent = { action: 'redirect', counter: 'egress FORWARD_TO_NODE' };
const denied = { action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' };
const refused = { action: 'drop', counter: 'ingress 183 REASON_INVALID_VNI' };

/** As the remote node sends what its pod with this identity says. */
const byRemote = (identity: number) => ({ from: tunnels.remote.address, networkId: identity });
const byThird = (identity: number) => ({ from: tunnels.third.address, networkId: identity });

describe.each(families)('what comes from a tunnel, over IPv%i', (family) => {
  const talk = (from: Speaker, to: Speaker = server) => new Talk(family, from, to);
  const send = (from: Speaker, identity: number = identities.remotePod, to: Speaker = server) =>
    node.fromTunnel(talk(from, to).udp(), byRemote(identity));

  it("goes into the pod with the pod's MAC and one hop less, under the identity that its header names", async () => {
    const outcome = await send(remotePod);
    expect(outcome).toMatchObject({
      ...arrived,
      marks: { COUNTER_FLOW_INSERT: 1 },
      events: [
        {
          type: 1,
          verdict: 1,
          direction: 1,
          sourceIdentity: identities.remotePod,
          destinationIdentity: server.identity,
          sourceZone: zoneOfRemote,
          destinationZone: server.slot,
        },
      ],
    });
    expect(outcome.packet.subarray(0, 6)).toEqual(macBytes(server.mac));
    expect(outcome.packet[family === 4 ? 22 : 21]).toBe(63);
  });

  it('may come from a pod whose address nobody has told this node yet', async () => {
    expect(await send(newPod)).toMatchObject({ ...arrived, events: [{ sourceIdentity: identities.remotePod }] });
  });

  it('comes over an outer network of either family', async () => {
    expect(await node.fromTunnel(talk(thirdPod).udp(), byThird(identities.remotePod))).toMatchObject(arrived);
  });

  it("is asked about at the pod's ingress alone, by the identity of the header", async () => {
    node.tables.setApplied(3001, true);
    node.tables.policies.set(server.subject, {
      ingressDefault: origins.serverDefault,
      egressDefault: origins.other,
      entries: [{ direction: 'ingress', peer: { identity: identities.remotePod }, origin: origins.serverIngress }],
    });
    expect(await send(remotePod)).toMatchObject({ ...arrived, events: [{ ingressOrigin: origins.serverIngress, egressOrigin: 0 }] });
    expect(await send(newPod, 3001)).toMatchObject({
      ...denied,
      events: [{ sourceIdentity: 3001, destinationIdentity: server.identity, ingressOrigin: origins.serverDefault }],
    });
  });

  it('is a hit from the second packet on', async () => {
    await send(remotePod);
    expect(await send(remotePod)).toMatchObject({ ...arrived, marks: { BY_FLOW_ENTRY: 1 }, events: [] });
  });

  it('drops from the second packet of a denied flow on without being asked about', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: origins.serverDefault });
    await send(remotePod);
    expect(await send(remotePod)).toMatchObject({ ...denied, marks: {} });
  });

  it("D1: is decided anew when its header names another identity than the flow's", async () => {
    node.tables.setApplied(3001, true);
    node.tables.policies.set(server.subject, {
      ingressDefault: origins.serverDefault,
      entries: [{ direction: 'ingress', peer: { identity: identities.remotePod }, origin: origins.serverIngress }],
    });
    await send(remotePod);
    expect(await send(remotePod, 3001)).toMatchObject({ ...denied, marks: { COUNTER_FLOW_STALE: 1 } });
    expect(await send(remotePod)).toMatchObject({ ...arrived, marks: { COUNTER_FLOW_STALE: 1 } });
  });

  it('D1: is another flow when another node sends it', async () => {
    await send(remotePod);
    expect(await node.fromTunnel(talk(remotePod).udp(), byThird(identities.remotePod))).toMatchObject({ ...refused, marks: {} });
  });

  it('D1: is another flow than that of the native network', async () => {
    await send(remotePod);
    expect(await node.toPod(server, talk(remotePod).udp(), 'native')).toMatchObject({ counter: 'ingress 132 REASON_SOURCE_IP', marks: {} });
  });

  it('D5: drops while its identity is not applied here, and passes from then on', async () => {
    node.tables.setApplied(identities.remotePod, false);
    expect(await send(remotePod)).toMatchObject({ action: 'drop', counter: 'ingress 171 REASON_INVALID_IDENTITY' });
    node.tables.setApplied(identities.remotePod, true);
    expect(await send(remotePod)).toMatchObject(arrived);
  });

  it('D6: drops while the pod has no policy', async () => {
    node.tables.changePod({ ...server, ready: false });
    expect(await send(remotePod)).toMatchObject({ action: 'drop', counter: 'ingress 203 REASON_ENDPOINT_NOT_READY' });
  });

  it.each([
    ['an outer address that no node has', { from: outside.ipv4, networkId: identities.remotePod }],
    ["this node's own outer address", { from: host.ipv4, networkId: identities.remotePod }],
    ['a pod as its outer address', { from: remotePod.ipv6, networkId: identities.remotePod }],
    ['no outer headers at all', { networkId: identities.remotePod }],
    ['the identity of a host', byRemote(1)],
    ['the identity of the world', byRemote(2)],
    ['no identity', byRemote(0)],
    ["another cluster's number", byRemote((1 << 16) | identities.remotePod)],
    ['a number that means something on its node only', byRemote(1 << 24)],
  ])('183: drops with %s', async (_, outer) => {
    expect(await node.fromTunnel(talk(remotePod).udp(), outer)).toMatchObject({ ...refused, events: [{ reason: 183, verdict: 2 }] });
  });

  it.each([
    ["of another node's pod", thirdPod, identities.remotePod],
    ['of a pod of this node', client, client.identity],
    ['of this node', host, identities.remotePod],
    ['of the sending node under the identity of a pod', remoteNode, identities.remotePod],
    ['of the world', outside, identities.remotePod],
    ["of another node under a node's identity", thirdNode, identities.remoteNode],
    ["of a pod under a node's identity", remotePod, identities.remoteNode],
    ["of this node under a node's identity", host, identities.remoteNode],
    ["of the world under a node's identity", outside, identities.remoteNode],
  ])('183: drops with the inner address %s', async (_, from, identity) => {
    expect(await send(from, identity)).toMatchObject({ ...refused, events: [{ sourceIdentity: identity }] });
  });

  it('183: drops from the moment on when the range is no longer that node’s, live flows too', async () => {
    await send(remotePod);
    node.tables.removeRange(tunnels.remote.podRanges[family === 4 ? 0 : 1]!);
    expect(await send(remotePod)).toMatchObject({ ...refused, marks: { COUNTER_FLOW_STALE: 1 } });
  });

  it('183: drops from the moment on when the node is gone; D1: and comes from the one that has its address next', async () => {
    await send(remotePod);
    node.tables.removeNode(tunnels.remote);
    expect(await send(remotePod)).toMatchObject({ ...refused, marks: {} });
    node.tables.addNode({ ...tunnels.remote, slot: 5 });
    expect(await send(remotePod)).toMatchObject({ ...arrived, events: [{ sourceZone: 0x8000 + 5 }] });
  });

  it("is policed as 'remote-node' where the node itself speaks", async () => {
    node.tables.policies.set(server.subject, {
      ingressDefault: origins.serverDefault,
      entries: [{ direction: 'ingress', peer: { identity: identities.remoteNode }, origin: origins.serverIngress }],
    });
    expect(await send(remoteNode, identities.remoteNode)).toMatchObject({
      ...arrived,
      events: [{ sourceIdentity: identities.remoteNode }],
    });
    expect(await send(remotePod)).toMatchObject(denied);
  });

  it('for the node itself goes to its stack, unchanged', async () => {
    const packet = talk(remotePod, host).udp();
    const outcome = await node.fromTunnel(packet, byRemote(identities.remotePod));
    expect(outcome).toMatchObject({ action: 'pass', counter: 'ingress FORWARD_TO_HOST', events: [] });
    expect(outcome.packet).toEqual(packet);
  });

  it.each([
    ['outside', outside],
    ['on a third node', thirdPod],
    ['whom nobody knows', nobody],
  ])('is not passed on to somebody %s', async (_, to) => {
    expect(await send(remotePod, identities.remotePod, to)).toMatchObject({ action: 'drop', counter: 'ingress 150 REASON_UNKNOWN_TARGET' });
  });

  it('drops where its hops are used up', async () => {
    expect(await node.fromTunnel(talk(remotePod).with({ hops: 1 }).udp(), byRemote(identities.remotePod))).toMatchObject({
      action: 'drop',
      counter: 'ingress 196 REASON_TTL',
    });
  });

  it('D3: answers a pod whose ingress is isolated, and nothing else does', async () => {
    node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
    await node.fromPod(client, talk(client, remotePod).udp(40000, 53));
    const answer = (port: number) => node.fromTunnel(talk(remotePod, client).udp(port, 40000), byRemote(identities.remotePod));
    expect(await answer(53)).toMatchObject({ ...arrived, events: [] });
    expect(await answer(54)).toMatchObject(denied);
  });

  it('D3: an answer under another identity than the one that was asked has the question decided anew', async () => {
    node.tables.setApplied(3001, true);
    node.tables.policies.set(client.subject, {
      egressDefault: origins.clientDefault,
      entries: [{ direction: 'egress', peer: { identity: identities.remotePod }, origin: origins.clientEgress }],
    });
    await node.fromPod(client, talk(client, remotePod).udp(40000, 53));
    const answer = talk(remotePod, client).udp(53, 40000);
    expect(await node.fromTunnel(answer, byRemote(3001))).toMatchObject({ action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('about a live flow reaches who began it, although no rule lets it: errors of the pod, and of its node', async () => {
    node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
    const question = talk(client, remotePod).udp();
    await node.fromPod(client, question);
    const errors = [
      [talk(remotePod, client), identities.remotePod],
      [talk(remoteNode, client), identities.remoteNode],
    ] as const;
    for (const [from, identity] of errors)
      expect(await node.fromTunnel(from.unreachable(question), byRemote(identity))).toMatchObject({ ...arrived, events: [] });
    expect(
      await node.fromTunnel(talk(remotePod, client).unreachable(talk(client, thirdPod).udp()), byRemote(identities.remotePod)),
    ).toMatchObject(denied);
  });

  describe('and is an error about no flow', () => {
    const stray = new Talk(family, remotePod, client).unreachable(new Talk(family, client, thirdPod).udp());
    const error = () => node.fromTunnel(stray, byRemote(identities.remotePod));

    it('is remembered as denied under its own key, whatever came before it', async () => {
      node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
      node.tables.policies.set(server.subject, { ingressDefault: origins.serverDefault });
      expect(await send(remotePod)).toMatchObject(denied);
      expect(await error()).toMatchObject(denied);
      expect(await node.flowEntries()).toBe(0);
      expect(await send(remotePod)).toMatchObject(denied);
      expect(await node.flowEntries()).toBe(1);
      expect(await error()).toMatchObject(denied);
      expect(await node.flowEntries()).toBe(2);
    });

    it('drops from its third packet on without being asked about', async () => {
      node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
      const asked = async () => {
        const outcome = await error();
        expect(outcome).toMatchObject(denied);
        return Object.keys(outcome.marks).some((name) => name.startsWith('COUNTER_DECISION'));
      };
      expect([await asked(), await asked(), await asked()]).toEqual([true, true, false]);
    });

    it('is a hit from its second packet on where a rule lets it', async () => {
      expect(await error()).toMatchObject({ ...arrived, events: [{ type: 1, verdict: 1 }] });
      expect(await error()).toMatchObject({ ...arrived, marks: { BY_FLOW_ENTRY: 1 }, events: [] });
    });

    it('D1: is decided anew for the pod that has the address now', async () => {
      await error();
      const heir = node.tables.addPod({ ...client, slot: 9, subject: 13, mac: '0a:00:00:00:00:09' });
      node.tables.policies.set(heir.subject, { ingressDefault: origins.other });
      expect(await error()).toMatchObject({ ...denied, events: [{ destinationZone: heir.slot, ingressOrigin: origins.other }] });
    });
  });

  it('drops where it is neighbour discovery, or nobody can read it', async () => {
    const broken = talk(remotePod).with({ version: 5 }).udp();
    expect(await node.fromTunnel(broken, byRemote(identities.remotePod))).toMatchObject({ counter: 'ingress 134 REASON_INVALID_PACKET' });
    if (family === 6)
      expect(await node.fromTunnel(talk(remotePod).icmp(135), byRemote(identities.remotePod))).toMatchObject({
        counter: 'ingress 176 REASON_FORBIDDEN_ICMPV6',
      });
  });
});

describe.each(families)('what a pod sends to another node, over IPv%i', (family) => {
  const talk = (to: Speaker) => new Talk(family, client, to);
  const to = (far: Speaker) => node.fromPod(client, talk(far).udp());

  it.each([
    ['a pod there', remotePod, tunnels.remote, identities.remotePod],
    ['the node itself', remoteNode, tunnels.remote, identities.remoteNode],
    ['a pod behind an outer network of IPv6', thirdPod, tunnels.third, identities.remotePod],
  ] as const)('goes into the tunnel, to %s', async (_, far, by, identity) => {
    const outcome = await to(far);
    expect(outcome).toMatchObject({
      ...sent,
      events: [
        { sourceIdentity: client.identity, destinationIdentity: identity, sourceZone: client.slot, destinationZone: 0x8000 + by.slot },
      ],
    });
    expect(outcome.packet.subarray(0, 12)).toEqual(Buffer.concat([macBytes(by.mac), macBytes(by.ownMac)]));
    expect(outcome.packet[family === 4 ? 22 : 21]).toBe(63);
    expect(await to(far)).toMatchObject({ ...sent, marks: { BY_FLOW_ENTRY: 1 }, events: [] });
  });

  it("is asked about at the sender's egress alone", async () => {
    node.tables.policies.set(client.subject, {
      egressDefault: origins.clientDefault,
      entries: [{ direction: 'egress', peer: { identity: identities.remoteNode }, origin: origins.clientEgress }],
    });
    expect(await to(remoteNode)).toMatchObject({ ...sent, events: [{ egressOrigin: origins.clientEgress, ingressOrigin: 0 }] });
    expect(await to(remotePod)).toMatchObject({ action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('D4: drops where no pod has the address, whatever node has its range', async () => {
    expect(await to(newPod)).toMatchObject({ action: 'drop', counter: 'egress 172 REASON_UNKNOWN_SENDER' });
  });

  it('drops where no tunnel leads to that node', async () => {
    node.tables.addNode({ ...tunnels.remote, interface: 0 });
    expect(await to(remotePod)).toMatchObject({ action: 'drop', counter: 'egress 160 REASON_NO_TUNNEL' });
  });

  it('may answer what came from there, although its egress is isolated', async () => {
    node.tables.policies.set(client.subject, { egressDefault: origins.clientDefault });
    await node.fromTunnel(new Talk(family, remotePod, client).udp(), byRemote(identities.remotePod));
    expect(await node.fromPod(client, talk(remotePod).udp(80, 40000))).toMatchObject({ ...sent, events: [] });
  });

  describe('and is larger than the tunnel takes', () => {
    const large = (mayBeCut = false) =>
      new Talk(family, client, remotePod, mayBeCut && family === 4 ? { fragment: 0 } : {}).packet(17, datagram(1500));

    it('goes to the stack, which tells the sender', async () => {
      expect(await node.fromPod(client, large())).toMatchObject({ action: 'pass', counter: 'egress FORWARD_TO_STACK' });
    });

    it('goes into the tunnel where it is an aggregate that will be cut to fit', async () => {
      expect(await node.fromPod(client, large(), { gsoSize: 1000 })).toMatchObject(sent);
    });

    it.runIf(family === 4)('goes into the tunnel where the outer headers may be cut', async () => {
      expect(await node.fromPod(client, large(true))).toMatchObject(sent);
    });

    it("reaches the sender again as the stack's error about its flow", async () => {
      node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
      await node.fromPod(client, large());
      const error = new Talk(family, host, client).unreachable(large());
      expect(await node.toPod(client, error, 'host')).toMatchObject({ action: 'pass', counter: 'ingress FORWARD_TO_ENDPOINT' });
    });
  });
});

/** A UDP datagram of so many bytes. */
function datagram(bytes: number): Buffer {
  const header = Buffer.alloc(bytes);
  header.writeUInt16BE(40000, 0);
  header.writeUInt16BE(80, 2);
  header.writeUInt16BE(bytes, 4);
  return header;
}

describe('a cluster with a number', () => {
  let third: TestNode;
  beforeAll(async () => {
    third = await TestNode.load({ clusterId: 3 });
    populateOverlay(third);
  });
  afterAll(() => third.close());

  it('takes what bears its number, and 183: nothing that bears another one or none', async () => {
    const send = (networkId: number) => third.fromTunnel(new Talk(4, remotePod, server).udp(), { from: tunnels.remote.address, networkId });
    const clusterBits = 16;
    expect(await send((3 << clusterBits) | identities.remotePod)).toMatchObject({
      ...arrived,
      events: [{ sourceIdentity: identities.remotePod }],
    });
    expect(await send((2 << clusterBits) | identities.remotePod)).toMatchObject(refused);
    expect(await send(identities.remotePod)).toMatchObject(refused);
  });
});
