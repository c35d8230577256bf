import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, host, identities, origins, outside, populate, remoteNode, remotePod, server, world } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { families, Talk } from './packets/talk.ts';

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.load();
});
afterAll(() => node.close());
beforeEach(() => {
  node.reset();
  populate(node);
});

const delivered = { action: 'pass', counter: 'ingress FORWARD_TO_ENDPOINT' };
const denied = { action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' };
const spoofed = { action: 'drop', counter: 'ingress 132 REASON_SOURCE_IP' };

describe.each(families)('what the stack sends to a pod, over IPv%i', (family) => {
  const from = (other: { readonly ipv4: string; readonly ipv6: string }) => new Talk(family, other, server);

  it.each([
    ['the node itself', host, 'host', identities.host, 65535],
    ['a machine outside', outside, 'native', world(family), 65534],
    ['a pod elsewhere', remotePod, 'native', identities.remotePod, 65534],
    ['another node', remoteNode, 'native', identities.remoteNode, 65534],
  ] as const)('is delivered from %s under its identity, and not touched', async (_, other, origin, identity, zone) => {
    const packet = from(other).udp();
    const outcome = await node.toPod(server, packet, origin);
    expect(outcome).toMatchObject({
      ...delivered,
      events: [
        {
          type: 1,
          verdict: 1,
          direction: 1,
          sourceIdentity: identity,
          destinationIdentity: server.identity,
          sourceZone: zone,
          destinationZone: server.slot,
        },
      ],
    });
    expect(outcome.packet).toEqual(packet);
  });

  it("is asked about at the pod's ingress alone", async () => {
    node.tables.policies.set(server.subject, {
      ingressDefault: origins.serverDefault,
      egressDefault: origins.other,
      entries: [{ direction: 'ingress', peer: { identity: identities.host }, origin: origins.serverIngress }],
    });
    expect(await node.toPod(server, from(host).udp(), 'host')).toMatchObject({
      ...delivered,
      events: [{ ingressOrigin: origins.serverIngress, egressOrigin: 0 }],
    });
    expect(await node.toPod(server, from(outside).udp(), 'native')).toMatchObject({
      ...denied,
      events: [{ reason: 133, ingressOrigin: origins.serverDefault }],
    });
  });

  it("can be denied although it is the node's own: there is no hidden rule", async () => {
    node.tables.policies.set(server.subject, { ingressDefault: origins.serverDefault });
    expect(await node.toPod(server, from(host).udp(), 'host')).toMatchObject(denied);
  });

  it("drops where it is for another address than the pod's", async () => {
    const outcome = await node.toPod(server, new Talk(family, host, client).udp(), 'host');
    expect(outcome).toMatchObject({ action: 'drop', counter: 'ingress 150 REASON_UNKNOWN_TARGET' });
  });

  it("D1: drops where it comes from the fabric with the node's own address", async () => {
    expect(await node.toPod(server, from(host).udp(), 'native')).toMatchObject({
      ...spoofed,
      events: [{ sourceIdentity: identities.unknown }],
    });
  });

  it('D1: drops where it comes from the fabric with the address of a pod of the node', async () => {
    expect(await node.toPod(server, from(client).udp(), 'native')).toMatchObject({
      ...spoofed,
      events: [{ sourceIdentity: identities.unknown }],
    });
  });

  it('D1: drops where the node itself speaks with an address that is not its own', async () => {
    expect(await node.toPod(server, from(outside).udp(), 'host')).toMatchObject(spoofed);
    expect(await node.toPod(server, from(client).udp(), 'host')).toMatchObject(spoofed);
  });

  it('is a hit from the second packet on', async () => {
    await node.toPod(server, from(outside).udp(), 'native');
    expect(await node.toPod(server, from(outside).udp(), 'native')).toMatchObject({
      ...delivered,
      marks: { BY_FLOW_ENTRY: 1 },
      events: [],
    });
  });

  it('may be answered by the pod, whose egress is isolated', async () => {
    node.tables.policies.set(server.subject, { egressDefault: origins.other });
    await node.toPod(server, from(outside).udp(), 'native');
    const answer = await node.fromPod(server, new Talk(family, server, outside).udp(80, 40000));
    expect(answer).toMatchObject({ action: 'pass', counter: 'egress FORWARD_TO_STACK', events: [] });
  });

  it('answers a pod whose ingress is isolated', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: origins.serverDefault });
    await node.fromPod(server, new Talk(family, server, outside).udp(40000, 53));
    await node.fromPod(server, new Talk(family, server, host).udp(40000, 53));
    expect(await node.toPod(server, from(outside).udp(53, 40000), 'native')).toMatchObject({ ...delivered, events: [] });
    expect(await node.toPod(server, from(host).udp(53, 40000), 'host')).toMatchObject({ ...delivered, events: [] });
    expect(await node.toPod(server, from(outside).udp(54, 40000), 'native')).toMatchObject(denied);
  });

  it('leaves the hop limit alone, which the stack has taken down already', async () => {
    const packet = from(outside).with({ hops: 1 }).udp();
    const outcome = await node.toPod(server, packet, 'native');
    expect(outcome).toMatchObject(delivered);
    expect(outcome.packet).toEqual(packet);
  });
});
