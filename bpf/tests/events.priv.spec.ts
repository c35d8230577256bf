import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Event, eventReply } from '@myelin/datapath-layout';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, origins, outside, populate, server } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { addressBytes } from './packets/bytes.ts';
import { families, Talk } from './packets/talk.ts';
import { tcpFlags } from './packets/transport.ts';

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.load({ eventBytes: 4096 });
});
afterAll(() => node.close());
beforeEach(() => {
  node.reset();
  populate(node);
});

/** Longer than a tick of the flow table. */
const nextTickMs = 400;

/** Longer than a jiffy (HZ 100: 10 ms) and than what `bootNs` leaves off. */
const roughlyNs = 30_000_000n;

/** CLOCK_BOOTTIME, a hundredth of a second at most ago, in nanoseconds. */
function bootNs(): bigint {
  return BigInt(Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100)) * 10_000_000n;
}

/** How many drops these records stand for. */
function drops(events: readonly Event[]): number {
  return events.filter(({ type }) => type === 2).reduce((sum, { repeats }) => sum + 1 + repeats, 0);
}

function bytes16(text: string): Uint8Array {
  const own = addressBytes(text);
  return new Uint8Array(own.length === 16 ? own : Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), own]));
}

describe.each(families)('records over IPv%i', (family) => {
  const talk = clientToServer(family);
  const address = family === 4 ? 'ipv4' : 'ipv6';

  it('of a new connection say who, where, what and when', async () => {
    const packet = talk.syn();
    const { events } = await node.fromPod(client, packet);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: 1,
      verdict: 1,
      reason: 0,
      direction: 2,
      family,
      protocol: 6,
      tcpFlags: tcpFlags.syn,
      reply: 0,
      source: bytes16(client[address]),
      destination: bytes16(server[address]),
      sourcePort: 40000,
      destinationPort: 80,
      sourceIdentity: client.identity,
      destinationIdentity: server.identity,
      sourceZone: client.slot,
      destinationZone: server.slot,
      ifindex: 1,
      length: packet.length,
      packets: 1n,
      bytes: BigInt(packet.length),
      repeats: 0,
    });
  });

  it('say when the packet came, to a jiffy', async () => {
    for (const packet of [talk.syn(), talk.with({ sourceMac: server.mac }).udp(), new Talk(family, client, outside).udp()]) {
      const before = bootNs();
      const { events } = await node.fromPod(client, packet);
      const after = bootNs();
      expect(events).toHaveLength(1);
      expect(events[0]!.timeNs).toBeGreaterThan(before - roughlyNs);
      expect(events[0]!.timeNs).toBeLessThan(after + roughlyNs);
      await sleep(100);
    }
  });

  it('of an echo have its type and code in the place of ports', async () => {
    const { events } = await node.fromPod(client, talk.echo());
    expect(events).toMatchObject([{ sourcePort: family === 4 ? 8 : 128, destinationPort: 0, protocol: family === 4 ? 1 : 58 }]);
  });

  it('of a flow to outside have the native zone as its destination', async () => {
    const { events } = await node.fromPod(client, new Talk(family, client, outside).udp());
    expect(events).toMatchObject([{ sourceZone: client.slot, destinationZone: 65534 }]);
  });

  it('of a drop say what was known when it dropped', async () => {
    const { events } = await node.fromPod(client, talk.with({ sourceMac: server.mac }).udp());
    expect(events).toMatchObject([
      {
        type: 2,
        verdict: 2,
        reason: 130,
        direction: 2,
        family,
        protocol: 17,
        source: bytes16(client[address]),
        destination: bytes16(server[address]),
        destinationPort: 80,
        sourceIdentity: client.identity,
        sourceZone: client.slot,
        destinationIdentity: 0,
        reply: eventReply.EVENT_REPLY_UNKNOWN,
      },
    ]);
  });

  it('D7: stand for every drop of a denied flow, repeats counted', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 9 });
    const first = await node.fromPod(client, talk.udp());
    const many = await node.fromPod(client, talk.udp(), { repeat: 1000 });
    expect(many).toMatchObject({ counter: 'ingress 133 REASON_POLICY_DENIED' });
    expect(many.events.length).toBeLessThan(50);
    await sleep(nextTickMs);
    const last = await node.fromPod(client, talk.udp());
    const events = [...first.events, ...many.events, ...last.events];
    expect(drops(events)).toBe(1002);
    expect(events.reduce((sum, { bytes }) => sum + bytes, 0n)).toBe(1002n * BigInt(talk.udp().length));
    expect(last.events).toMatchObject([
      { type: 2, reason: 133, ingressOrigin: 9, sourceIdentity: client.identity, destinationIdentity: server.identity },
    ]);
  });

  it('D7: tell the last repeats of a denied flow once their tick is over, though nothing follows', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 9 });
    const first = await node.fromPod(client, talk.udp());
    const many = await node.fromPod(client, talk.udp(), { repeat: 1000 });
    await sleep(nextTickMs);
    const last = await node.sweep();
    expect(last).toMatchObject([{ type: 2, reason: 133, ingressOrigin: 9, sourceZone: client.slot, destinationZone: server.slot }]);
    expect(drops([...first.events, ...many.events, ...last])).toBe(1001);
  });

  it('of a packet that claims another pod’s address name the sender’s slot and identity, and the address it claims', async () => {
    const spoofed = new Talk(family, { ...client, ipv4: server.ipv4, ipv6: server.ipv6 }, outside).udp();
    const { events } = await node.fromPod(client, spoofed);
    expect(events).toMatchObject([
      {
        reason: 132,
        source: bytes16(server[address]),
        sourceZone: client.slot,
        sourceIdentity: client.identity,
        reply: eventReply.EVENT_REPLY_UNKNOWN,
      },
    ]);
  });

  it('of a packet from the fabric that claims a pod’s address name no sender', async () => {
    const { events } = await node.toPod(server, talk.udp(), 'native');
    expect(events).toMatchObject([{ reason: 132, source: bytes16(client[address]), sourceIdentity: 0, destinationZone: server.slot }]);
    expect(events[0]!.sourceZone).not.toBe(client.slot);
  });

  it('D3: of a denied reply say that it is one, at which end the flow was denied and by whom: at once, repeated, and from the sweep', async () => {
    await node.fromPod(client, talk.udp());
    await node.fromPod(server, talk.back.udp(80, 40000));
    node.tables.policies.set(client.subject, { egressDefault: origins.clientDefault });
    const reply = talk.back.udp(80, 40000);
    const first = await node.fromPod(server, reply);
    await sleep(nextTickMs);
    const repeated = await node.fromPod(server, reply, { repeat: 3 });
    await sleep(nextTickMs);
    const events = [...first.events, ...repeated.events, ...(await node.sweep())];
    expect(events.length).toBeGreaterThan(2);
    for (const event of events) {
      expect(event).toMatchObject({
        type: 2,
        reason: 133,
        reply: eventReply.EVENT_REPLY_YES,
        direction: 2,
        egressOrigin: origins.clientDefault,
        ingressOrigin: 0,
        sourceZone: server.slot,
        destinationZone: client.slot,
        sourceIdentity: server.identity,
        destinationIdentity: client.identity,
      });
    }
    expect(drops(events)).toBe(4);
  });

  it('D7: each kind of packet ends in one counter when all of them come at once', async () => {
    const packets = [
      talk.udp(),
      talk.syn(),
      talk.echo(),
      talk.tcp(0),
      talk.with({ hops: 1 }).udp(),
      talk.with({ sourceMac: server.mac }).udp(),
    ];
    for (const packet of packets) await node.fromPod(client, packet, { repeat: 3 });
    for (const packet of packets) await node.toPod(server, packet, 'native', { repeat: 3 });
  });
});

it('D7: records that find no room are counted as lost', async () => {
  const deaf = await TestNode.load({ eventBytes: 4096, isHeard: false });
  populate(deaf);
  const talk = clientToServer(4);
  let [sent, lost] = [0, 0];
  for (let port = 1000; port < 1100; port++) {
    const { marks } = await deaf.fromPod(client, talk.syn(port));
    sent += marks.COUNTER_EVENTS_SENT ?? 0;
    lost += marks.COUNTER_EVENTS_LOST ?? 0;
  }
  expect(lost).toBeGreaterThan(0);
  expect(deaf.events()).toHaveLength(sent - lost);
  deaf.close();
});
