import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, populate } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { ethernetLength, etherTypes, frame } from './packets/frame.ts';
import { extension, protocols } from './packets/ip.ts';
import { families } from './packets/talk.ts';
import { tcp, tcpFlags, udp } from './packets/transport.ts';

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.load();
});
afterAll(() => node.close());
beforeEach(() => {
  node.reset();
  populate(node);
});

const ports = { sourcePort: 40000, destinationPort: 80 };
const delivered = { action: 'redirect', counter: 'egress FORWARD_TO_ENDPOINT' };
const invalid = { action: 'drop', counter: 'egress 134 REASON_INVALID_PACKET' };
const truncated = { action: 'drop', counter: 'egress 135 REASON_TRUNCATED_HEADER' };
const unknownTransport = { action: 'drop', counter: 'egress 137 REASON_UNKNOWN_L4' };
const unsupported = { action: 'drop', counter: 'egress 139 REASON_UNSUPPORTED_L3' };
const fragment = { action: 'drop', counter: 'egress 157 REASON_FRAGMENT' };
const badExtension = { action: 'drop', counter: 'egress 156 REASON_IPV6_EXTENSION' };

describe('what is no IP packet', () => {
  it('drops frames of other network protocols', async () => {
    const packet = frame({ sourceMac: client.mac, destinationMac: client.nodeMac, type: etherTypes.mpls }, Buffer.alloc(46));
    expect(await node.fromPod(client, packet)).toMatchObject({
      ...unsupported,
      events: [{ reason: 139, family: 0, sourceIdentity: client.identity }],
    });
  });

  it('drops VLAN-tagged frames', async () => {
    const packet = frame({ sourceMac: client.mac, destinationMac: client.nodeMac, type: etherTypes.vlan }, Buffer.alloc(46));
    expect(await node.fromPod(client, packet)).toMatchObject(unsupported);
  });
});

describe.each(families)('packets over IPv%i', (family) => {
  const talk = clientToServer(family);
  const headerLength = family === 4 ? 20 : 40;

  it('drops one whose length field says more than there is', async () => {
    expect(await node.fromPod(client, talk.with({ length: headerLength + 2000 }).udp())).toMatchObject(truncated);
  });

  it('drops one of another IP version than its frame says', async () => {
    expect(await node.fromPod(client, talk.with({ version: 5 }).udp())).toMatchObject(invalid);
  });

  it('lets one through that is padded behind its end, as short frames are', async () => {
    expect(await node.fromPod(client, Buffer.concat([talk.udp(), Buffer.alloc(18)]))).toMatchObject(delivered);
  });

  it('drops one that ends within its TCP header', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.tcp, tcp({ ...ports, flags: tcpFlags.syn }).subarray(0, 19)))).toMatchObject(
      truncated,
    );
  });

  it('drops one that ends within its UDP header', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.udp, udp(ports).subarray(0, 7)))).toMatchObject(truncated);
  });

  it('drops one that ends within its ICMP header', async () => {
    expect(await node.fromPod(client, talk.echo().subarray(0, ethernetLength + headerLength + 7))).toMatchObject(truncated);
  });

  it('drops UDP whose IP length has no room for a UDP header', async () => {
    const length = family === 4 ? headerLength + 4 : 4;
    expect(await node.fromPod(client, talk.with({ length }).udp())).toMatchObject(invalid);
  });

  it('drops TCP whose header length is below the smallest, or beyond the packet', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.tcp, tcp({ ...ports, flags: tcpFlags.syn, words: 4 })))).toMatchObject(invalid);
    expect(await node.fromPod(client, talk.packet(protocols.tcp, tcp({ ...ports, flags: tcpFlags.syn, words: 6 })))).toMatchObject(invalid);
  });

  it.each([
    ['none at all', 0],
    ['SYN and FIN', tcpFlags.syn | tcpFlags.fin],
    ['SYN and RST', tcpFlags.syn | tcpFlags.rst],
    ['FIN alone', tcpFlags.fin],
    ['PSH alone', tcpFlags.psh],
  ])('drops TCP with flags that no sender means: %s', async (_, flags) => {
    expect(await node.fromPod(client, talk.tcp(flags))).toMatchObject(invalid);
  });

  it('drops transport protocols that it does not know', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.sctp, Buffer.alloc(32)))).toMatchObject(unknownTransport);
    expect(await node.fromPod(client, talk.packet(protocols.igmp, Buffer.alloc(8)))).toMatchObject(unknownTransport);
  });

  it('drops ICMP of the other family', async () => {
    const protocol = family === 4 ? protocols.icmpv6 : protocols.icmp;
    expect(await node.fromPod(client, talk.packet(protocol, Buffer.alloc(16)))).toMatchObject(unknownTransport);
  });
});

describe('IPv4 alone', () => {
  const talk = clientToServer(4);

  it('drops a header length below the smallest', async () => {
    expect(await node.fromPod(client, talk.with({ words: 4 }).udp())).toMatchObject(invalid);
  });

  it('drops a length field that has no room for the header', async () => {
    expect(await node.fromPod(client, talk.with({ length: 19 }).udp())).toMatchObject(invalid);
  });

  it('drops the first fragment, a middle one and the last one', async () => {
    expect(await node.fromPod(client, talk.with({ fragment: 0x2000 }).udp())).toMatchObject(fragment);
    expect(await node.fromPod(client, talk.with({ fragment: 0x2010 }).udp())).toMatchObject(fragment);
    expect(await node.fromPod(client, talk.with({ fragment: 0x0010 }).udp())).toMatchObject(fragment);
  });

  it('looks for ports behind options', async () => {
    const outcome = await node.fromPod(client, talk.with({ options: Buffer.from([1, 1, 1, 0, 1, 1, 1, 0]) }).udp(40000, 5353));
    expect(outcome).toMatchObject({ ...delivered, events: [{ destinationPort: 5353 }] });
  });

  it('drops redirects', async () => {
    expect(await node.fromPod(client, talk.icmp(5, 1, Buffer.alloc(28)))).toMatchObject(invalid);
  });
});

describe('IPv6 alone', () => {
  const talk = clientToServer(6);
  const datagram = udp({ sourcePort: 40000, destinationPort: 5353 });

  it('looks for ports behind hop-by-hop and destination options', async () => {
    const payload = extension(protocols.destinationOptions, extension(protocols.udp, datagram, 24), 8);
    const outcome = await node.fromPod(client, talk.packet(protocols.hopByHop, payload));
    expect(outcome).toMatchObject({ ...delivered, events: [{ destinationPort: 5353, protocol: 17 }] });
  });

  it('drops fragments, of one piece too', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.fragment, extension(protocols.udp, datagram)))).toMatchObject(fragment);
    const behind = extension(protocols.fragment, extension(protocols.udp, datagram));
    expect(await node.fromPod(client, talk.packet(protocols.hopByHop, behind))).toMatchObject(fragment);
  });

  it('drops routing headers, whose last destination policy would not see', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.routing, extension(protocols.udp, datagram)))).toMatchObject(badExtension);
  });

  it('drops authentication headers', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.authentication, extension(protocols.udp, datagram)))).toMatchObject(
      badExtension,
    );
  });

  it('drops what hides behind more than four extension headers, or more than 255 bytes of them', async () => {
    const options = (payload: Buffer) => extension(protocols.destinationOptions, payload);
    const five = options(options(options(options(extension(protocols.udp, datagram)))));
    expect(await node.fromPod(client, talk.packet(protocols.destinationOptions, five))).toMatchObject(badExtension);
    const long = extension(protocols.udp, datagram, 256);
    expect(await node.fromPod(client, talk.packet(protocols.destinationOptions, long))).toMatchObject(badExtension);
  });

  it('drops one that ends within an extension header', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.hopByHop, Buffer.alloc(0)))).toMatchObject(truncated);
  });

  it('drops extension headers that reach beyond the length field', async () => {
    const payload = extension(protocols.udp, datagram, 16);
    expect(await node.fromPod(client, talk.with({ length: 8 }).packet(protocols.destinationOptions, payload))).toMatchObject(invalid);
  });

  it('drops a packet without a transport part', async () => {
    expect(await node.fromPod(client, talk.packet(protocols.none, Buffer.alloc(0)))).toMatchObject(unknownTransport);
  });
});
