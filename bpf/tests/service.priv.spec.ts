import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Outer } from './kernel/arrival.ts';
import { client, host, identities, origins, outside, populate, populateOverlay, remotePod, server, tunnels, world } from './kernel/cast.ts';
import type { ServiceSpec } from './kernel/services.ts';
import { TestNode } from './kernel/test-node.ts';
import { isSummed, summed } from './packets/sums.ts';
import { clientPort, type Family, families, type Speaker, Talk } from './packets/talk.ts';
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

/** A service, its port, and the one that its backends listen on. */
const web: Speaker = { ipv4: '10.96.0.1', ipv6: 'fd00:96::1' };
const [servicePort, backendPort] = [80, 8080];
const delivered = { action: 'redirect', counter: 'egress FORWARD_TO_ENDPOINT' };

type Protocol = 'tcp' | 'udp';
const of = (family: Family, who: Speaker) => (family === 4 ? who.ipv4 : who.ipv6);

/** The service with these backends. */
function serve(family: Family, protocol: Protocol, backends: readonly Speaker[], changes: Partial<ServiceSpec> = {}): ServiceSpec {
  const spec: ServiceSpec = {
    pool: 3,
    address: of(family, web),
    port: servicePort,
    protocol,
    backends: backends.map((backend) => ({ address: of(family, backend), port: backendPort })),
    ...changes,
  };
  node.tables.services.set(spec);
  return spec;
}

/** A frame with right checksums. `first`: of TCP, a SYN; else an acknowledgement. */
function frame(talk: Talk, protocol: Protocol, source: number, destination: number, first = true): Buffer {
  if (protocol === 'udp') return summed(talk.udp(source, destination));
  return summed(first ? talk.syn(source, destination) : talk.ack(source, destination));
}

/** The same without its Ethernet header, as it comes out one hop later. */
const onward = (talk: Talk, protocol: Protocol, source: number, destination: number, first = true) =>
  frame(talk.with({ hops: 63 }), protocol, source, destination, first).subarray(14);
const overlay: Outer = { from: tunnels.remote.address, networkId: identities.remotePod };

const cases = families.flatMap((family) => (['tcp', 'udp'] as const).map((protocol) => ({ family, protocol })));

describe.each(cases)('a service over IPv$family and $protocol', ({ family, protocol }) => {
  const toService = new Talk(family, client, web);
  const toServer = new Talk(family, client, server);
  const toRemote = new Talk(family, client, remotePod);
  const ask = (port = clientPort, first = true) => node.fromPod(client, frame(toService, protocol, port, servicePort, first));

  it('leads to a backend on this node, and its answers come from the service', async () => {
    serve(family, protocol, [server]);
    const first = await ask();
    expect(first).toMatchObject(delivered);
    expect(first.packet.subarray(14).equals(onward(toServer, protocol, clientPort, backendPort))).toBe(true);
    expect(first.packet.subarray(0, 6).toString('hex')).toBe('0a0000000006');
    const answer = await node.fromPod(server, frame(toServer.back, protocol, backendPort, clientPort, false));
    expect(answer).toMatchObject({ ...delivered, events: [] });
    expect(answer.packet.subarray(14).equals(onward(toService.back, protocol, servicePort, clientPort, false))).toBe(true);
    const second = await ask(clientPort, false);
    expect(second).toMatchObject({ ...delivered, events: [] });
    expect(second.marks).not.toHaveProperty('COUNTER_FLOW_INSERT');
    expect(second.packet.subarray(14).equals(onward(toServer, protocol, clientPort, backendPort, false))).toBe(true);
  });

  it('is told of as what it leads to, with the rules that decided', async () => {
    serve(family, protocol, [server]);
    const { events } = await ask();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ destinationIdentity: server.identity, destinationPort: backendPort, sourcePort: clientPort });
    expect(Buffer.from(events[0]!.destination)).toEqual(
      Buffer.from((await node.fromPod(client, frame(toServer, protocol, 9, 9))).events[0]!.destination),
    );
  });

  it('is judged by the backend and its port, never by its own address', async () => {
    serve(family, protocol, [server]);
    const allow = (port: number) =>
      node.tables.policies.set(client.subject, {
        egressDefault: origins.clientDefault,
        entries: [
          {
            direction: 'egress',
            peer: { identity: server.identity },
            protocol: protocol === 'tcp' ? 6 : 17,
            port,
            origin: origins.clientEgress,
          },
        ],
      });
    allow(servicePort);
    expect(await ask()).toMatchObject({ action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' });
    expect(await ask()).toMatchObject({ action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' });
    allow(backendPort);
    expect(await ask()).toMatchObject({ ...delivered, events: [{ egressOrigin: origins.clientEgress }] });
    allow(servicePort);
    expect(await ask(clientPort, false)).toMatchObject({ action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' });
    expect(await node.fromPod(server, frame(toServer.back, protocol, backendPort, clientPort, false))).toMatchObject({ action: 'drop' });
    allow(backendPort);
    expect(await ask(clientPort, false)).toMatchObject(delivered);
  });

  /** What the client may talk to; nobody, where none is named. */
  const permit = (...peers: readonly number[]) =>
    node.tables.policies.set(client.subject, {
      egressDefault: origins.clientDefault,
      entries: peers.map((identity) => ({ direction: 'egress', peer: { identity }, origin: origins.clientEgress })),
    });
  const denied = { action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' };
  const isDecided = ({ marks }: { readonly marks: Readonly<Record<string, number>> }) =>
    'COUNTER_DECISION_MISS' in marks || 'COUNTER_DECISION_HIT' in marks;

  it.each([
    ['of this node', server, remotePod, identities.remotePod],
    ['of another node', remotePod, server, server.identity],
  ] as const)('denied, is remembered with its backend %s until that or its pool changes (D2)', async (_, backend, other, permitted) => {
    populateOverlay(node);
    serve(family, protocol, [backend]);
    permit(permitted);
    const first = await ask();
    expect(first).toMatchObject({ ...denied, events: [{ destinationPort: backendPort, egressOrigin: origins.clientDefault }] });
    expect(await ask()).toMatchObject(denied);
    for (const repeat of [await ask(), await ask()]) expect([repeat, isDecided(repeat)]).toMatchObject([denied, false]);
    serve(family, protocol, [backend, { ...outside }]);
    const again = await ask(clientPort);
    expect(isDecided(again)).toBe(true);
    serve(family, protocol, [other]);
    const passed = await ask();
    // Beside what the entry still had to tell of repeats.
    expect(passed.action).toBe('redirect');
    expect(passed.events).toContainEqual(expect.objectContaining({ verdict: 1, egressOrigin: origins.clientEgress }));
    serve(family, protocol, [backend]);
    permit();
    for (const _round of [1, 2, 3]) expect((await ask(50000)).counter).toBe(denied.counter);
    permit(backend === server ? server.identity : identities.remotePod);
    expect(await ask(50000)).toMatchObject({ action: 'redirect' });
  });

  it('denied while the identity of its backend changes, is let through when policy permits that one (D2)', async () => {
    populateOverlay(node);
    serve(family, protocol, [remotePod]);
    permit(server.identity);
    for (const _round of [1, 2, 3]) expect(await ask()).toMatchObject(denied);
    node.tables.setPeer(of(family, remotePod), { identity: server.identity, node: tunnels.remote.slot });
    expect(await ask()).toMatchObject({ action: 'redirect' });
  });

  it('cut off and let through again, goes on with the backend that it had, if it is a connection', async () => {
    serve(family, protocol, [server]);
    await ask();
    permit();
    for (const round of [1, 2, 3]) {
      const cut = await ask(clientPort, false);
      expect(cut, `${round}`).toMatchObject(denied);
      if (round > 1) expect(isDecided(cut)).toBe(false);
    }
    const others = Array.from({ length: 9 }, (_, index) => ({ address: of(family, outside), port: index + 1 }));
    serve(family, protocol, [], { backends: [...others, { address: of(family, server), port: backendPort }] });
    permit(server.identity, world(family));
    const resumed = await ask(clientPort, false);
    if (protocol === 'tcp') expect(resumed).toMatchObject(delivered);
    else expect(['pass', 'redirect']).toContain(resumed.action);
  });

  it('leads through a tunnel to a backend of another node, whose answers come back so', async () => {
    populateOverlay(node);
    serve(family, protocol, [remotePod]);
    const first = await ask();
    expect(first).toMatchObject({ action: 'redirect', counter: 'egress FORWARD_TO_NODE' });
    expect(first.packet.subarray(14).equals(onward(toRemote, protocol, clientPort, backendPort))).toBe(true);
    for (const round of [1, 2]) {
      const answer = await node.fromTunnel(frame(toRemote.back, protocol, backendPort, clientPort, false), overlay);
      expect(answer, `${round}`).toMatchObject({ action: 'redirect', counter: 'ingress FORWARD_TO_ENDPOINT' });
      expect(answer.packet.subarray(14).equals(onward(toService.back, protocol, servicePort, clientPort, false))).toBe(true);
    }
  });

  it.each([
    ['of another node', remotePod, 'native', 'egress FORWARD_TO_STACK'],
    ['outside the cluster', outside, 'native', 'egress FORWARD_TO_STACK'],
    ['that is this node itself', host, 'host', 'egress FORWARD_TO_HOST'],
  ] as const)('leads by the stack to a backend %s', async (_, backend, origin, counter) => {
    serve(family, protocol, [backend]);
    const direct = new Talk(family, client, backend);
    const first = await ask();
    expect(first).toMatchObject({ action: 'pass', counter });
    expect(first.packet.subarray(14).equals(frame(direct, protocol, clientPort, backendPort).subarray(14))).toBe(true);
    const answer = await node.toPod(client, frame(direct.back, protocol, backendPort, clientPort, false), origin);
    expect(answer).toMatchObject({ action: 'pass', counter: 'ingress FORWARD_TO_ENDPOINT', events: [] });
    expect(answer.packet.subarray(14).equals(frame(toService.back, protocol, servicePort, clientPort, false).subarray(14))).toBe(true);
  });

  it('spreads flows over its backends, each to one', async () => {
    serve(family, protocol, [server, outside]);
    const ways = new Set<string>();
    for (let port = 1; port <= 40; port++) ways.add((await ask(20000 + port)).action);
    expect([...ways].sort()).toEqual(['pass', 'redirect']);
  });

  it('without a usable backend is refused at once, by an answer to who asked', async () => {
    serve(family, protocol, []);
    const { action, counter, packet, events } = await ask();
    expect([action, counter]).toEqual(['redirect', 'egress 158 REASON_NO_BACKEND']);
    expect(events).toMatchObject([{ reason: 158, sourceIdentity: client.identity }]);
    expect(packet.subarray(0, 12).toString('hex')).toBe('0a00000000050e0000000005');
    expect(isSummed(packet)).toBe(true);
    const header = packet.subarray(14);
    const [source, destination, at] = family === 4 ? [12, 16, 20] : [8, 24, 40];
    const length = family === 4 ? 4 : 16;
    const asked = frame(toService, protocol, clientPort, servicePort).subarray(14);
    expect(header.subarray(source, source + length).equals(asked.subarray(destination, destination + length))).toBe(true);
    expect(header.subarray(destination, destination + length).equals(asked.subarray(source, source + length))).toBe(true);
    if (protocol === 'tcp') {
      expect([header.readUInt16BE(at), header.readUInt16BE(at + 2)]).toEqual([servicePort, clientPort]);
      expect([header[at + 13], header.readUInt32BE(at + 8)]).toEqual([tcpFlags.rst | tcpFlags.ack, 1]);
    } else {
      expect([header[at], header[at + 1]]).toEqual(family === 4 ? [3, 3] : [1, 4]);
      expect(header.subarray(at + 8).equals(asked.subarray(0, at + 8))).toBe(true);
    }
  });

  it('takes no packets to another of its ports (174)', async () => {
    serve(family, protocol, [server]);
    for (const packet of [frame(toService, protocol, clientPort, 81), toService.echo()])
      expect(await node.fromPod(client, packet)).toMatchObject({ action: 'drop', counter: 'egress 174 REASON_IS_CLUSTER_IP' });
  });

  it('D2: takes over an address that somebody had, and gives it back', async () => {
    expect(await ask()).toMatchObject({ action: 'pass', counter: 'egress FORWARD_TO_STACK' });
    serve(family, protocol, [server]);
    expect(await ask()).toMatchObject(delivered);
  });

  it('D2: keeps the backend of a live flow as long as its pool has it, in whatever state', async () => {
    serve(family, protocol, [server]);
    await ask();
    const backend = { address: of(family, server), port: backendPort };
    for (const state of ['terminating', 'unready'] as const) {
      serve(family, protocol, [], {
        backends: [
          { ...backend, state },
          { address: of(family, outside), port: 99 },
        ],
      });
      expect(await ask(clientPort, false), state).toMatchObject({ ...delivered, events: [] });
      expect(await node.fromPod(server, frame(toServer.back, protocol, backendPort, clientPort, false))).toMatchObject(delivered);
      expect(await ask(50000), state).toMatchObject({ action: 'pass' });
    }
  });

  it('D3: lets an answer back that comes after a change, decided as what it answers', async () => {
    serve(family, protocol, [server]);
    node.tables.policies.set(client.subject, {
      ingressDefault: origins.clientDefault,
      egressDefault: origins.clientDefault,
      entries: [{ direction: 'egress', peer: { identity: server.identity }, origin: origins.clientEgress }],
    });
    await ask();
    serve(family, protocol, [server, outside]);
    const answer = await node.fromPod(server, frame(toServer.back, protocol, backendPort, clientPort, false));
    expect(answer).toMatchObject({ ...delivered, marks: { COUNTER_FLOW_STALE: 1 }, events: [] });
    expect(answer.packet.subarray(14).equals(onward(toService.back, protocol, servicePort, clientPort, false))).toBe(true);
    expect(await ask(clientPort, false)).toMatchObject({ ...delivered, events: [] });
  });

  it('knows its answers as long as the client speaks, and its client as long as the backend does', async () => {
    serve(family, protocol, [server]);
    // Nothing may begin a flow to the client: an answer that isn't known as one drops.
    node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
    await ask();
    const answer = () => node.fromPod(server, frame(toServer.back, protocol, backendPort, clientPort, false));
    // A young flow lives for a minute: 235 ticks.
    await node.ageZone(server.slot, 200);
    await node.ageZone(client.slot, 10);
    await ask(clientPort, false);
    await node.ageZone(server.slot, 100);
    expect(await answer()).toMatchObject(delivered);
    await node.ageZone(client.slot, 150);
    await node.ageZone(server.slot, 10);
    await answer();
    await node.ageZone(client.slot, 100);
    expect((await ask(clientPort, false)).marks).not.toHaveProperty('COUNTER_FLOW_INSERT');
  });

  it('lets a flow go whose backend is removed: TCP is reset, UDP goes to another', async () => {
    serve(family, protocol, [server]);
    await ask();
    serve(family, protocol, [outside]);
    const next = await ask(clientPort, false);
    if (protocol === 'udp') {
      expect(next).toMatchObject({ action: 'pass', counter: 'egress FORWARD_TO_STACK' });
    } else {
      expect(next).toMatchObject({ action: 'redirect', counter: 'egress 158 REASON_NO_BACKEND' });
      expect(next.packet[14 + (family === 4 ? 33 : 53)]).toBe(tcpFlags.rst);
      expect(isSummed(next.packet)).toBe(true);
    }
    expect(await ask()).toMatchObject({ action: 'pass' });
  });

  it.each([
    ['on this node', server, (packet: Buffer) => node.fromPod(server, packet)],
    ['on another node', remotePod, (packet: Buffer) => node.fromTunnel(packet, overlay)],
    ['that the stack leads to', outside, (packet: Buffer) => node.toPod(client, packet, 'native')],
  ] as const)('has the client of a removed backend %s reset by what that one sends; datagrams drop', async (_, backend, send) => {
    populateOverlay(node);
    serve(family, protocol, [backend]);
    await ask();
    serve(family, protocol, [backend === server ? remotePod : server]);
    const back = new Talk(family, backend, client);
    const options = { sourcePort: backendPort, destinationPort: clientPort };
    const data = Buffer.from('hello, who only reads');
    const segment = tcp({ ...options, flags: tcpFlags.ack | tcpFlags.psh }, data);
    segment.writeUInt32BE(0x12345678, 4);
    segment.writeUInt32BE(0x9abcdef0, 8);
    const sent = protocol === 'udp' ? back.packet(17, udp(options, data)) : back.packet(6, segment);
    const { action, counter, packet, events } = await send(summed(sent));
    expect(counter).toBe(`${backend === server ? 'egress' : 'ingress'} 158 REASON_NO_BACKEND`);
    expect(events).toMatchObject([{ reason: 158 }]);
    if (protocol === 'udp') return expect(action).toBe('drop');
    expect(action).toBe(backend === outside ? 'pass' : 'redirect');
    if (backend !== outside) expect(packet.subarray(0, 12).toString('hex')).toBe('0a00000000050e0000000005');
    const wanted = toService.back.with({ hops: 64 }).packet(6, segment.subarray(0, 20));
    const reset = wanted.subarray(14);
    const at = family === 4 ? 20 : 40;
    reset.writeUInt16BE(servicePort, at);
    reset[at + 13] = tcpFlags.rst | tcpFlags.ack;
    const got = packet.subarray(14);
    expect(isSummed(packet)).toBe(true);
    const [from, to] = family === 4 ? [12, at + 16] : [7, at + 16];
    expect(got.length).toBe(at + 20);
    expect(got.subarray(from, to).toString('hex')).toBe(reset.subarray(from, to).toString('hex'));
  });

  it('keeps a client with its backend where it has affinity', async () => {
    const backends = [server, outside];
    serve(family, protocol, backends, { affinitySeconds: 600 });
    const { action } = await ask(30000);
    const ways = new Set<string>();
    for (let port = 1; port <= 20; port++) ways.add((await ask(30000 + port)).action);
    expect([...ways]).toEqual([action]);
    // Others come first now: the table would choose another.
    serve(family, protocol, [], {
      affinitySeconds: 600,
      backends: [
        ...Array.from({ length: 7 }, (_, index) => ({ address: of(family, outside), port: index + 1 })),
        ...backends.map((one) => ({ address: of(family, one), port: backendPort })),
      ],
    });
    for (let port = 21; port <= 40; port++) expect((await ask(30000 + port)).action).toBe(action);
    serve(family, protocol, [action === 'pass' ? server : outside], { affinitySeconds: 600 });
    expect((await ask(31000)).action).not.toBe(action);
  });

  it.each(['the service first', 'the backend first'])(
    'and its backend, asked by one port of a client, have replies of their own: %s',
    async (order) => {
      serve(family, protocol, [server]);
      const direct = () => node.fromPod(client, frame(toServer, protocol, clientPort, backendPort));
      const [one, two] = order === 'the service first' ? [await ask(), await direct()] : [await direct(), await ask()];
      const at = 14 + (family === 4 ? 20 : 40);
      const seen = [one, two].map(({ packet }) => packet.readUInt16BE(at));
      expect(seen[0]).toBe(clientPort);
      expect(seen[1]).not.toBe(clientPort);
      expect([one, two].every(({ packet }) => isSummed(packet))).toBe(true);
      const sources = [];
      for (const port of seen) {
        const { packet, action } = await node.fromPod(server, frame(toServer.back, protocol, backendPort, port, false));
        expect([action, packet.readUInt16BE(at + 2), isSummed(packet)]).toEqual(['redirect', clientPort, true]);
        sources.push(packet.readUInt16BE(at));
      }
      expect(sources).toEqual(order === 'the service first' ? [servicePort, backendPort] : [backendPort, servicePort]);
      // Both go on as they began, after a change too.
      serve(family, protocol, [server, outside]);
      const again = [await ask(clientPort, false), await node.fromPod(client, frame(toServer, protocol, clientPort, backendPort, false))];
      if (order === 'the backend first') again.reverse();
      expect(again.map(({ packet }) => packet.readUInt16BE(at))).toEqual(seen);
    },
  );

  it('leads a pod to itself, as from somebody else, and past its policy', async () => {
    node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault, egressDefault: origins.clientDefault });
    serve(family, protocol, [client]);
    const loopback: Speaker = { ipv4: '169.254.42.1', ipv6: '100::2a01', mac: client.mac, nodeMac: client.nodeMac };
    const inward = new Talk(family, loopback, client);
    for (const first of [true, false]) {
      const there = await ask(clientPort, first);
      expect(there).toMatchObject(delivered);
      expect(there.packet.subarray(14).equals(onward(inward, protocol, clientPort, backendPort, first))).toBe(true);
      const back = await node.fromPod(client, frame(new Talk(family, client, loopback), protocol, backendPort, clientPort, false));
      expect(back).toMatchObject({ ...delivered, events: [] });
      expect(back.packet.subarray(14).equals(onward(toService.back, protocol, servicePort, clientPort, false))).toBe(true);
      serve(family, protocol, [client, outside]);
    }
  });

  it('has errors about its packets come from it, about the packets that the client sent', async () => {
    serve(family, protocol, [server]);
    const sent = await ask();
    const error = await node.fromPod(server, summed(toServer.back.unreachable(sent.packet)));
    expect(error).toMatchObject({ ...delivered, events: [] });
    const expected = summed(
      toService.back.with({ hops: 63 }).unreachable(frame(toService.with({ hops: 63 }), protocol, clientPort, servicePort)),
    );
    // The quoted UDP checksum is that of the packet as the backend saw it; nobody looks at it.
    const quotedSum = 14 + (family === 4 ? 20 + 8 + 20 : 40 + 8 + 40) + 6;
    const [got, wanted] = [error.packet.subarray(14), expected.subarray(14)];
    expect(isSummed(error.packet)).toBe(true);
    const icmpSum = (family === 4 ? 20 : 40) + 2;
    const blank = (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      copy.fill(0, icmpSum, icmpSum + 2);
      if (protocol === 'udp') copy.fill(0, quotedSum - 14, quotedSum - 12);
      return copy.toString('hex');
    };
    expect(blank(got)).toBe(blank(wanted));
  });

  it('has errors of a router on the way, and of the client about its answers, translated likewise', async () => {
    serve(family, protocol, [outside]);
    const router: Speaker = { ipv4: '203.0.113.9', ipv6: '2001:db8:9::9' };
    const { packet } = await ask();
    const error = await node.toPod(client, summed(new Talk(family, router, client).unreachable(packet)), 'native');
    expect(error).toMatchObject({ action: 'pass' });
    expect(isSummed(error.packet)).toBe(true);
    const length = family === 4 ? 4 : 16;
    const quoted = error.packet.subarray(14 + (family === 4 ? 20 : 40) + 8);
    const toAt = family === 4 ? 16 : 24;
    const asked = frame(toService, protocol, clientPort, servicePort).subarray(14);
    expect(quoted.subarray(toAt, toAt + length).equals(asked.subarray(toAt, toAt + length))).toBe(true);
    expect(quoted.readUInt16BE((family === 4 ? 20 : 40) + 2)).toBe(servicePort);
    const answer = await node.toPod(client, frame(new Talk(family, outside, client), protocol, backendPort, clientPort, false), 'native');
    const complaint = await node.fromPod(client, summed(toService.unreachable(answer.packet)));
    expect(complaint).toMatchObject({ action: 'pass' });
    expect(isSummed(complaint.packet)).toBe(true);
    const direct = frame(new Talk(family, client, outside), protocol, clientPort, backendPort).subarray(14);
    expect(complaint.packet.subarray(14 + toAt, 14 + toAt + length).equals(direct.subarray(toAt, toAt + length))).toBe(true);
    const about = complaint.packet.subarray(14 + (family === 4 ? 20 : 40) + 8);
    const fromAt = toAt - length;
    expect(about.subarray(fromAt, fromAt + length).equals(direct.subarray(toAt, toAt + length))).toBe(true);
    expect(about.readUInt16BE(family === 4 ? 20 : 40)).toBe(backendPort);
  });

  it('that is gone has its live TCP connections reset', async () => {
    const spec = serve(family, protocol, [server]);
    await ask();
    node.tables.services.removeFrontend(spec);
    const counter = protocol === 'tcp' ? 'egress 158 REASON_NO_BACKEND' : 'egress 174 REASON_IS_CLUSTER_IP';
    expect(await ask(clientPort, false)).toMatchObject({ counter });
  });
});
