import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, host, origins, outside, populate, server } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { ethernetLength } from './packets/frame.ts';
import { protocols } from './packets/ip.ts';
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

const delivered = { action: 'redirect', counter: 'egress FORWARD_TO_ENDPOINT', events: [] };
const passed = { action: 'pass', counter: 'ingress FORWARD_TO_ENDPOINT', events: [] };

/** Nothing but what answers or belongs to a flow that the client began. */
function closeAllBut(entries: 'client to server' | 'client to everybody'): void {
  const peer = entries === 'client to server' ? { identity: server.identity } : ('any' as const);
  node.tables.policies.set(client.subject, {
    ingressDefault: origins.clientDefault,
    egressDefault: 9,
    entries: [{ direction: 'egress', peer, origin: 1 }],
  });
  node.tables.policies.set(server.subject, {
    ingressDefault: 8,
    egressDefault: 7,
    entries: [{ direction: 'ingress', peer: { identity: client.identity }, origin: 2 }],
  });
}

describe.each(families)('ICMP errors over IPv%i', (family) => {
  const talk = clientToServer(family);
  const away = new Talk(family, client, outside);
  const router = { ipv4: '203.0.113.9', ipv6: '2001:db8:9::9' };

  it.each([
    ['UDP', (of: Talk) => of.udp()],
    ['TCP', (of: Talk) => of.syn()],
    ['an echo request', (of: Talk) => of.echo()],
  ])('about %s of a live flow reach who sent it, although no rule lets them', async (_, make) => {
    closeAllBut('client to server');
    const packet = make(talk);
    await node.fromPod(client, packet);
    const outcome = await node.fromPod(server, talk.back.unreachable(packet));
    expect(outcome).toMatchObject(delivered);
    expect(outcome.packet.subarray(0, 6).toString('hex')).toBe('0a0000000005');
  });

  it('about an answer reach who gave it', async () => {
    closeAllBut('client to server');
    await node.fromPod(client, talk.udp());
    const answer = talk.back.udp(80, 40000);
    await node.fromPod(server, answer);
    expect(await node.fromPod(client, talk.unreachable(answer))).toMatchObject(delivered);
  });

  it('about nothing that exists are judged by policy', async () => {
    closeAllBut('client to server');
    expect(await node.fromPod(server, talk.back.unreachable(talk.udp()))).toMatchObject({
      action: 'drop',
      counter: 'egress 133 REASON_POLICY_DENIED',
    });
  });

  it('about a flow that was denied are judged by policy', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 8, egressDefault: 7 });
    await node.fromPod(client, talk.udp());
    expect(await node.fromPod(server, talk.back.unreachable(talk.udp()))).toMatchObject({ counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('are judged by policy when the flow they are about is out of date', async () => {
    closeAllBut('client to server');
    await node.fromPod(client, talk.udp());
    node.tables.policies.set(client.subject, { ingressDefault: 9, egressDefault: 9 });
    expect(await node.fromPod(server, talk.back.unreachable(talk.udp()))).toMatchObject({ counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('of a third pod about a flow that it has no part in are judged by policy', async () => {
    const third = node.tables.addPod({ ...server, slot: 9, subject: 13, ipv4: '10.1.0.9', ipv6: 'fd00:1::9', mac: '0a:00:00:00:00:09' });
    node.tables.policies.set(third.subject, { egressDefault: 6 });
    await node.fromPod(client, talk.udp());
    expect(await node.fromPod(third, new Talk(family, third, client).unreachable(talk.udp()))).toMatchObject({
      counter: 'egress 133 REASON_POLICY_DENIED',
    });
  });

  it('are judged by policy when they go to somebody else than the quoted sender', async () => {
    closeAllBut('client to server');
    await node.fromPod(client, talk.udp());
    const stray = new Talk(family, server, outside).unreachable(talk.udp());
    expect(await node.fromPod(server, stray)).toMatchObject({ counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('drop where their own source is forged', async () => {
    await node.fromPod(client, talk.udp());
    const source = family === 4 ? outside.ipv4 : outside.ipv6;
    expect(await node.fromPod(server, talk.back.with({ source }).unreachable(talk.udp()))).toMatchObject({
      counter: 'egress 132 REASON_SOURCE_IP',
    });
  });

  it('of a router on the way reach the pod whose packet it could not pass on', async () => {
    closeAllBut('client to everybody');
    await node.fromPod(client, away.udp());
    expect(await node.toPod(client, new Talk(family, router, client).unreachable(away.udp()), 'native')).toMatchObject(passed);
  });

  it.each<[string, type: number, code: number]>([
    ['is too big for the next link', ...(family === 4 ? ([3, 4] as const) : ([2, 0] as const))],
    ['ran out of hops', family === 4 ? 11 : 3, 0],
    ['has a header that nobody understands', ...(family === 4 ? ([12, 0] as const) : ([4, 1] as const))],
  ])('of a router that a packet %s reach who sent it, of TCP, UDP and echoes alike', async (_, type, code) => {
    closeAllBut('client to everybody');
    const error = (about: Buffer) => new Talk(family, router, client).icmp(type, code, about.subarray(ethernetLength), 0);
    for (const packet of [away.syn(), away.udp(), away.echo()]) {
      expect(await node.toPod(client, error(packet), 'native')).toMatchObject({ action: 'drop' });
      await node.fromPod(client, packet);
      expect(await node.toPod(client, error(packet), 'native')).toMatchObject(passed);
    }
  });

  it('of a router that a reply is too big reach the pod that sent it', async () => {
    const entries = [{ direction: 'ingress', peer: 'any', protocol: protocols.udp, origin: 1 }] as const;
    node.tables.policies.set(client.subject, { ingressDefault: 8, egressDefault: 9, entries });
    const inward = new Talk(family, outside, client);
    const reply = inward.back.udp(80, 40000);
    const [type, code] = family === 4 ? ([3, 4] as const) : ([2, 0] as const);
    const error = new Talk(family, router, client).icmp(type, code, reply.subarray(ethernetLength));
    expect(await node.toPod(client, error, 'native')).toMatchObject({ counter: 'ingress 133 REASON_POLICY_DENIED' });
    await node.toPod(client, inward.udp(), 'native');
    await node.fromPod(client, reply);
    expect(await node.toPod(client, error, 'native')).toMatchObject(passed);
  });

  it('of the node itself about what it could not pass on reach the pod', async () => {
    closeAllBut('client to everybody');
    await node.fromPod(client, away.udp());
    expect(await node.toPod(client, new Talk(family, host, client).unreachable(away.udp()), 'host')).toMatchObject(passed);
  });

  it('of a router about nothing that exists are judged by policy', async () => {
    closeAllBut('client to everybody');
    const outcome = await node.toPod(client, new Talk(family, router, client).unreachable(away.udp()), 'native');
    expect(outcome).toMatchObject({ action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' });
  });

  it('that quote too little to tell are judged by policy', async () => {
    closeAllBut('client to server');
    const packet = talk.udp();
    await node.fromPod(client, packet);
    const short = packet.subarray(ethernetLength, ethernetLength + (family === 4 ? 24 : 44));
    const error = talk.back.icmp(family === 4 ? 3 : 1, 0, short);
    expect(await node.fromPod(server, error)).toMatchObject({ counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('do not count as packets of the flow they are about', async () => {
    await node.fromPod(client, talk.udp());
    expect((await node.fromPod(server, talk.back.unreachable(talk.udp()))).marks).toEqual({});
  });
});
