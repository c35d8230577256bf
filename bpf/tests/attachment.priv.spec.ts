import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, host, outside, populate, remotePod, server } from './kernel/cast.ts';
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

const delivered = { action: 'redirect', counter: 'egress FORWARD_TO_ENDPOINT' };
const wrongMac = { action: 'drop', counter: 'egress 130 REASON_SOURCE_MAC' };
const wrongSource = { action: 'drop', counter: 'egress 132 REASON_SOURCE_IP' };
const notReady = { action: 'drop', counter: 'egress 203 REASON_ENDPOINT_NOT_READY' };

describe.each(families)('whose packet it is, over IPv%i', (family) => {
  const talk = clientToServer(family);

  it('drops what comes in by an interface of no pod', async () => {
    expect(await node.fromNobody(talk.udp())).toMatchObject(notReady);
  });

  it('drops what has another source MAC than the pod', async () => {
    const outcome = await node.fromPod(client, talk.with({ sourceMac: server.mac }).udp());
    expect(outcome).toMatchObject({
      ...wrongMac,
      events: [{ reason: 130, sourceIdentity: client.identity, sourceMac: new Uint8Array([0x0a, 0, 0, 0, 0, 6]) }],
    });
  });

  it('D1: compares the source MAC on a hit, too', async () => {
    await node.fromPod(client, talk.udp());
    expect(await node.fromPod(client, talk.udp())).toMatchObject({ ...delivered, marks: { BY_FLOW_ENTRY: 1 } });
    expect(await node.fromPod(client, talk.with({ sourceMac: server.mac }).udp())).toMatchObject(wrongMac);
  });

  it.each([
    ['another pod of the node', server],
    ['the node', host],
    ['a pod elsewhere', remotePod],
    ['a machine outside', outside],
  ])('drops what has the source address of %s', async (_, other) => {
    const source = family === 4 ? other.ipv4 : other.ipv6;
    expect(await node.fromPod(client, talk.with({ source }).udp())).toMatchObject(wrongSource);
  });

  it("D1: a neighbour that repeats a live flow's addresses and ports has no part in it", async () => {
    await node.fromPod(client, talk.udp());
    const forged = talk.with({ sourceMac: server.mac }).udp();
    expect(await node.fromPod(server, forged)).toMatchObject(wrongSource);
  });

  it('D1: a packet from the fabric that repeats a flow between two pods is not taken for it', async () => {
    await node.fromPod(client, talk.udp());
    const outcome = await node.toPod(server, talk.udp(), 'native');
    expect(outcome).toMatchObject({ action: 'drop', counter: 'ingress 132 REASON_SOURCE_IP' });
  });

  it("D1: a packet from the fabric that repeats the node's own flow to a pod is not taken for it", async () => {
    const own = new Talk(family, host, server);
    expect(await node.toPod(server, own.udp(), 'host')).toMatchObject({ action: 'pass' });
    expect(await node.toPod(server, own.udp(), 'native')).toMatchObject({ action: 'drop', counter: 'ingress 132 REASON_SOURCE_IP' });
  });

  it('D6: drops all that a pod sends before its policy is there', async () => {
    node.tables.changePod({ ...client, ready: false });
    expect(await node.fromPod(client, talk.udp())).toMatchObject({ ...notReady, events: [{ reason: 203 }] });
  });

  it('D6: drops what goes to a pod of the node before its policy is there', async () => {
    node.tables.changePod({ ...server, ready: false });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(notReady);
    expect(await node.toPod(server, new Talk(family, host, server).udp(), 'host')).toMatchObject({
      action: 'drop',
      counter: 'ingress 203 REASON_ENDPOINT_NOT_READY',
    });
  });

  it('D6: drops at a pod whose subject has no policy, on both ends', async () => {
    node.tables.policies.flip(server.subject, 0);
    expect(await node.fromPod(client, talk.udp())).toMatchObject({ action: 'drop', counter: 'ingress 203 REASON_ENDPOINT_NOT_READY' });
    expect(await node.fromPod(server, talk.back.udp())).toMatchObject(notReady);
  });

  it('D6: a pod that is no longer ready loses the flows it had', async () => {
    await node.fromPod(client, talk.udp());
    expect(await node.fromPod(client, talk.udp())).toMatchObject(delivered);
    node.tables.changePod({ ...server, ready: false });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(notReady);
  });

  it('drops what is for an address whose pod has it no longer', async () => {
    node.tables.changePod({ ...server, ipv4: '10.1.0.99', ipv6: 'fd00:1::99' });
    expect(await node.fromPod(client, talk.udp())).toMatchObject({ action: 'drop', counter: 'egress 150 REASON_UNKNOWN_TARGET' });
  });
});

describe.each(families)('delivery to a pod of the node, over IPv%i', (family) => {
  const talk = clientToServer(family);

  it('addresses the frame to the pod, from its gateway', async () => {
    const { packet } = await node.fromPod(client, talk.udp());
    expect(packet.subarray(0, 12).toString('hex')).toBe('0a00000000060e0000000006');
  });

  it('takes one hop off and leaves everything else as it was', async () => {
    const { packet } = await node.fromPod(client, talk.with({ hops: 64 }).udp());
    expect(packet.subarray(14)).toEqual(talk.with({ hops: 63 }).udp().subarray(14));
  });

  it('does both on a hit as well', async () => {
    await node.fromPod(client, talk.udp());
    const { packet, marks } = await node.fromPod(client, talk.with({ hops: 2 }).udp());
    expect(marks).toMatchObject({ BY_FLOW_ENTRY: 1 });
    expect(packet.subarray(0, 12).toString('hex')).toBe('0a00000000060e0000000006');
    expect(packet.subarray(14)).toEqual(talk.with({ hops: 1 }).udp().subarray(14));
  });

  it('drops what has no hop left, new or known', async () => {
    const spent = talk.with({ hops: 1 }).udp();
    expect(await node.fromPod(client, spent)).toMatchObject({ action: 'drop', counter: 'egress 196 REASON_TTL' });
    await node.fromPod(client, talk.udp());
    expect(await node.fromPod(client, spent)).toMatchObject({
      action: 'drop',
      counter: 'egress 196 REASON_TTL',
      marks: {},
    });
  });

  it('leaves hops and MACs alone on the way to the stack, which routes by itself', async () => {
    const toOutside = new Talk(family, client, outside).udp();
    const outcome = await node.fromPod(client, toOutside);
    expect(outcome).toMatchObject({ action: 'pass', counter: 'egress FORWARD_TO_STACK' });
    expect(outcome.packet).toEqual(toOutside);
  });
});

describe('IPv4 header checksums', () => {
  it.each([1, 2, 63, 64, 100, 200, 254, 255].map((hops) => hops + 1).filter((hops) => hops <= 255))(
    'hold after a hop is taken off %i',
    async (hops) => {
      const talk = clientToServer(4);
      for (const options of [Buffer.alloc(4, 1), Buffer.from([0x94, 4, 0xfd, 0xfc])]) {
        const { packet } = await node.fromPod(client, talk.with({ hops, options }).udp());
        expect(packet.subarray(14)).toEqual(
          talk
            .with({ hops: hops - 1, options })
            .udp()
            .subarray(14),
        );
      }
    },
  );
});
