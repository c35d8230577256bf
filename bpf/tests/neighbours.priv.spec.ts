import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, populate, server } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { checksum, pseudoHeader } from './packets/bytes.ts';
import { ethernetLength, etherTypes, frame } from './packets/frame.ts';
import { ipv6, protocols } from './packets/ip.ts';
import { type Arp, arp, type NeighbourMessage, neighbourMessage } from './packets/neighbours.ts';
import { Talk } from './packets/talk.ts';

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.load();
});
afterAll(() => node.close());
beforeEach(() => {
  node.reset();
  populate(node);
});

const gateway4 = '169.254.1.1';
const gateway6 = 'fe80::1';
const solicitedNode = 'ff02::1:ff00:1';
const linkLocal = 'fe80::800:ff:fe00:5';
const broadcast = 'ff:ff:ff:ff:ff:ff';
const consumed = { action: 'drop', counter: 'egress CONSUMED', events: [] };
const answered = { action: 'redirect', counter: 'egress ANSWERED', events: [] };
const forbidden = { action: 'drop', counter: 'egress 176 REASON_FORBIDDEN_ICMPV6' };

function request(of: Partial<Arp> = {}, sourceMac = client.mac): Buffer {
  const message = arp({ operation: 1, senderMac: client.mac, sender: client.ipv4, target: gateway4, ...of });
  return frame({ sourceMac, destinationMac: broadcast, type: etherTypes.arp }, message);
}

interface Solicitation extends Partial<NeighbourMessage> {
  readonly hops?: number;
}

function solicitation({ hops = 255, ...of }: Solicitation = {}): Buffer {
  const message = {
    type: 135,
    source: client.ipv6,
    destination: solicitedNode,
    target: gateway6,
    option: { type: 1, mac: client.mac },
    ...of,
  };
  const packet = ipv6(
    { source: message.source, destination: message.destination, protocol: protocols.icmpv6, hops },
    neighbourMessage(message),
  );
  return frame({ sourceMac: client.mac, destinationMac: '33:33:ff:00:00:01', type: etherTypes.ipv6 }, packet);
}

/** ICMPv6 of the link: type, from where to where. */
function ofTheLink(type: number, source = linkLocal, destination = 'ff02::2'): Buffer {
  return new Talk(6, client, server, { hops: 255, source, destination }).icmp(type, 0, Buffer.alloc(16));
}

describe('ARP', () => {
  it("answers a request for the gateway with the node side's MAC", async () => {
    const outcome = await node.fromPod(client, request());
    expect(outcome).toMatchObject(answered);
    const answer = arp({ operation: 2, senderMac: client.nodeMac, sender: gateway4, targetMac: client.mac, target: client.ipv4 });
    expect(outcome.packet).toEqual(frame({ sourceMac: client.nodeMac, destinationMac: client.mac, type: etherTypes.arp }, answer));
  });

  it("answers before the pod's policy is there: a neighbour is no traffic", async () => {
    node.tables.changePod({ ...client, ready: false });
    expect(await node.fromPod(client, request())).toMatchObject(answered);
  });

  it('answers nobody with a foreign MAC', async () => {
    expect(await node.fromPod(client, request({}, server.mac))).toMatchObject({ action: 'drop', counter: 'egress 130 REASON_SOURCE_MAC' });
  });

  it('keeps to itself what a pod announces or claims for any other address', async () => {
    expect(await node.fromPod(client, request({ target: client.ipv4 }))).toMatchObject(consumed);
    expect(await node.fromPod(client, request({ target: server.ipv4 }))).toMatchObject(consumed);
    expect(await node.fromPod(client, request({ operation: 2, sender: gateway4, target: server.ipv4 }))).toMatchObject(consumed);
  });

  it('drops what is not about IPv4 over Ethernet', async () => {
    const packet = request();
    packet.writeUInt16BE(0x86dd, ethernetLength + 2);
    expect(await node.fromPod(client, packet)).toMatchObject({ action: 'drop', counter: 'egress 134 REASON_INVALID_PACKET' });
  });

  it('drops a message that is cut short', async () => {
    expect(await node.fromPod(client, request().subarray(0, 40))).toMatchObject({
      action: 'drop',
      counter: 'egress 135 REASON_TRUNCATED_HEADER',
    });
  });

  it("does not hand the node's own requests to a pod", async () => {
    expect(await node.toPod(client, request(), 'host')).toMatchObject({ action: 'drop', counter: 'ingress CONSUMED', events: [] });
  });
});

describe('neighbour discovery', () => {
  it.each([
    ['its address', client.ipv6],
    ['its link-local address', linkLocal],
  ])('answers a solicitation for the gateway from %s, with a right checksum', async (_, source) => {
    const outcome = await node.fromPod(client, solicitation({ source }));
    expect(outcome).toMatchObject(answered);
    const message = neighbourMessage({
      type: 136,
      source: gateway6,
      destination: source,
      target: gateway6,
      option: { type: 2, mac: client.nodeMac },
      flags: 0xe0000000,
    });
    const answer = ipv6({ source: gateway6, destination: source, protocol: protocols.icmpv6, hops: 255 }, message);
    expect(outcome.packet).toEqual(frame({ sourceMac: client.nodeMac, destinationMac: client.mac, type: etherTypes.ipv6 }, answer));
    expect(checksum(pseudoHeader(gateway6, source, protocols.icmpv6, message.length), outcome.packet.subarray(ethernetLength + 40))).toBe(
      0,
    );
  });

  it('answers a probe that is sent to the gateway alone', async () => {
    expect(await node.fromPod(client, solicitation({ destination: gateway6 }))).toMatchObject(answered);
  });

  it("answers before the pod's policy is there", async () => {
    node.tables.changePod({ ...client, ready: false });
    expect(await node.fromPod(client, solicitation())).toMatchObject(answered);
  });

  it("does not answer a source that is not the pod's", async () => {
    expect(await node.fromPod(client, solicitation({ source: server.ipv6 }))).toMatchObject({
      action: 'drop',
      counter: 'egress 132 REASON_SOURCE_IP',
    });
  });

  it('forbids solicitations for anybody else', async () => {
    expect(await node.fromPod(client, solicitation({ target: server.ipv6 }))).toMatchObject(forbidden);
  });

  it('forbids what a router forwarded: the hop limit of the link is 255', async () => {
    expect(await node.fromPod(client, solicitation({ hops: 254 }))).toMatchObject(forbidden);
  });

  it("forbids a solicitation with another option than the sender's MAC", async () => {
    expect(await node.fromPod(client, solicitation({ option: { type: 5, mac: client.mac } }))).toMatchObject(forbidden);
  });

  it.each([
    ['router advertisements', 134],
    ['neighbour advertisements', 136],
    ['redirects', 137],
  ])('forbids %s', async (_, type) => {
    const outcome = await node.fromPod(client, ofTheLink(type));
    expect(outcome).toMatchObject({ ...forbidden, events: [{ reason: 176, sourcePort: type, sourceIdentity: client.identity }] });
  });

  it.each([
    ['duplicate address detection', 135, '::', 'ff02::1:ff00:5'],
    ['router solicitations', 133, linkLocal, 'ff02::2'],
    ['membership reports', 143, linkLocal, 'ff02::16'],
    ['membership reports of the old kind', 131, linkLocal, 'ff02::1'],
  ])('keeps %s to itself', async (_, type, source, destination) => {
    expect(await node.fromPod(client, ofTheLink(type, source, destination))).toMatchObject(consumed);
  });

  it('keeps membership reports behind a router alert to itself', async () => {
    const report = ofTheLink(143, linkLocal, 'ff02::16');
    const alert = Buffer.concat([Buffer.from([protocols.icmpv6, 0, 5, 2, 0, 0, 1, 0]), report.subarray(ethernetLength + 40)]);
    const packet = ipv6({ source: linkLocal, destination: 'ff02::16', protocol: protocols.hopByHop, hops: 1 }, alert);
    expect(
      await node.fromPod(client, frame({ sourceMac: client.mac, destinationMac: broadcast, type: etherTypes.ipv6 }, packet)),
    ).toMatchObject(consumed);
  });

  it("does not hand the node's own chatter to a pod, and nothing of the kind from elsewhere", async () => {
    const chatter = ofTheLink(133);
    expect(await node.toPod(client, chatter, 'host')).toMatchObject({ action: 'drop', counter: 'ingress CONSUMED', events: [] });
    expect(await node.toPod(client, chatter, 'native')).toMatchObject({ action: 'drop', counter: 'ingress 176 REASON_FORBIDDEN_ICMPV6' });
  });
});

describe('what a link carries to many', () => {
  it.each([
    ['an IPv4 group', 4, '224.0.0.251'],
    ['every IPv4 host of the link', 4, '255.255.255.255'],
    ['the IPv4 loopback', 4, '127.0.0.1'],
    ['this IPv4 network', 4, '0.1.2.3'],
    ['the IPv6 loopback', 6, '::1'],
    ['no IPv6 address', 6, '::'],
    ['an IPv4-compatible address', 6, '::af4:2'],
    ['an IPv6 group', 6, 'ff02::fb'],
    ['a link-local neighbour', 6, 'fe80::1234'],
  ] as const)("drops packets to %s, which the node's own services would hear", async (_, family, destination) => {
    const outcome = await node.fromPod(client, new Talk(family, client, server, { destination }).udp(5353, 5353));
    expect(outcome).toMatchObject({ action: 'drop', counter: 'egress 150 REASON_UNKNOWN_TARGET' });
  });

  it('drops packets to an IPv4-mapped address, which would leave the node as they are', async () => {
    const packet = new Talk(6, client, server, { destination: '::af4:2' }).udp(5353, 5353);
    // Eleventh and twelfth byte of the destination (RFC 4291, 2.5.5.2); text can't say it, as it reads as IPv4.
    packet.writeUInt16BE(0xffff, 14 + 24 + 10);
    expect(await node.fromPod(client, packet)).toMatchObject({ action: 'drop', counter: 'egress 150 REASON_UNKNOWN_TARGET' });
  });
});
