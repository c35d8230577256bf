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

  it.each([
    ['a loose source route', [131, 7, 4, 10, 1, 0, 6, 0]],
    ['a strict source route', [137, 7, 4, 10, 1, 0, 6, 0]],
    ['a source route behind other options', [1, 1, 148, 4, 0, 0, 131, 7, 4, 10, 1, 0, 6, 0, 0, 0]],
    ['a source route that has been gone already', [131, 7, 8, 10, 1, 0, 6, 0]],
    ['an option of no length', [7, 0, 0, 0]],
    ['an option that reaches beyond the header', [7, 9, 4, 0]],
  ])('drops %s', async (_, options) => {
    expect(await node.fromPod(client, talk.with({ options: Buffer.from(options) }).udp())).toMatchObject(invalid);
    const { back } = clientToServer(4);
    expect(await node.toPod(client, back.with({ options: Buffer.from(options) }).udp(), 'native')).toMatchObject({
      action: 'drop',
      counter: 'ingress 134 REASON_INVALID_PACKET',
    });
  });

  it.each([
    ['a recorded route', [7, 7, 4, 0, 0, 0, 0, 0]],
    ['a timestamp', [68, 8, 5, 0, 0, 0, 0, 0]],
    ['a router alert', [148, 4, 0, 0]],
    ['what looks like a source route behind the end of the options', [0, 131, 3, 4]],
    ['forty bytes of nothing', new Array(40).fill(1)],
  ])('lets %s through', async (_, options) => {
    const outcome = await node.fromPod(client, talk.with({ options: Buffer.from(options) }).udp(40000, 5353));
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

  it.each([
    ['type 0 (RFC 5095)', [0, 1]],
    ['type 0 with no segment left', [0, 0]],
    ['mobility, type 2', [2, 1]],
    ['segment routing, type 4', [4, 1]],
  ])('drops routing headers of %s', async (_, typeAndSegments) => {
    const header = extension(protocols.udp, datagram, 24, Buffer.from(typeAndSegments));
    expect(await node.fromPod(client, talk.packet(protocols.routing, header))).toMatchObject(badExtension);
    const behind = extension(protocols.routing, header);
    expect(await node.fromPod(client, talk.packet(protocols.destinationOptions, behind))).toMatchObject(badExtension);
  });

  it.each([
    ['a router alert', [5, 2, 0, 0]],
    ['single bytes of padding', [0, 0, 0, 0, 0, 0]],
    ['an option that whoever does not know it may pass over', [0x1e, 4, 1, 2, 3, 4]],
  ])('looks behind hop-by-hop headers with %s', async (_, options) => {
    const outcome = await node.fromPod(
      client,
      talk.packet(protocols.hopByHop, extension(protocols.udp, datagram, 8, Buffer.from(options))),
    );
    expect(outcome).toMatchObject({ ...delivered, events: [{ destinationPort: 5353 }] });
  });

  it.each([
    ['a jumbo payload', protocols.hopByHop, 8, [0xc2, 4, 0, 1, 0, 0]],
    ['another source, the home address', protocols.destinationOptions, 24, [1, 2, 0, 0, 0xc9, 16, ...new Array(16).fill(9)]],
    ['an option to be discarded by whoever does not know it', protocols.hopByHop, 8, [0x41, 4, 0, 0, 0, 0]],
    ['an option that reaches beyond its header', protocols.hopByHop, 8, [5, 5, 0, 0, 0, 0]],
    ['more options than any sender has', protocols.destinationOptions, 48, new Array(46).fill(0)],
  ])('drops %s', async (_, header, bytes, options) => {
    const packet = talk.packet(header, extension(protocols.udp, datagram, bytes, Buffer.from(options)));
    expect(await node.fromPod(client, packet)).toMatchObject(badExtension);
  });

  it('drops hop-by-hop headers that are not the first', async () => {
    const payload = extension(protocols.hopByHop, extension(protocols.udp, datagram));
    expect(await node.fromPod(client, talk.packet(protocols.destinationOptions, payload))).toMatchObject(badExtension);
    expect(await node.fromPod(client, talk.packet(protocols.hopByHop, payload))).toMatchObject(badExtension);
  });

  it('consumes membership reports, whose router alert no router needs to see', async () => {
    const report = Buffer.concat([Buffer.from([143, 0, 0, 0, 0, 0, 0, 0])]);
    const packet = talk.packet(protocols.hopByHop, extension(protocols.icmpv6, report, 8, Buffer.from([5, 2, 0, 0])));
    expect(await node.fromPod(client, packet)).toMatchObject({ action: 'drop', counter: 'egress CONSUMED' });
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
