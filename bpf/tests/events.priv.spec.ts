import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '@myelin/datapath-layout';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, outside, populate, server } from './kernel/cast.ts';
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
    expect(events[0]!.timeNs).toBeGreaterThan(0n);
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
      { type: 2, verdict: 2, reason: 130, direction: 2, family: 0, sourceIdentity: client.identity, destinationIdentity: 0 },
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

  it('D7: that find no room are counted as lost', async () => {
    const outcome = await node.fromPod(client, talk.with({ sourceMac: server.mac }).udp(), { repeat: 200 });
    expect(outcome.events.length).toBeLessThan(200);
    expect(outcome.marks).toMatchObject({ COUNTER_EVENTS_SENT: 200, COUNTER_EVENTS_LOST: 200 - outcome.events.length });
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
