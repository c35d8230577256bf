import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, identities, origins, outside, populate, server } from './kernel/cast.ts';
import type { Outcome } from './kernel/outcome.ts';
import type { PolicySpec } from './kernel/policy-tables.ts';
import { TestNode } from './kernel/test-node.ts';
import { type Family, families, Talk } from './packets/talk.ts';
import { tcpFlags } from './packets/transport.ts';

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
const hit = { ...delivered, marks: { BY_FLOW_ENTRY: 1 }, events: [] };
const deniedAtEgress = { action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' };
const deniedAtIngress = { action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' };

/** Only the client may begin, and only towards the server. */
const onlyFromClient: PolicySpec = {
  ingressDefault: origins.serverDefault,
  egressDefault: origins.other,
  entries: [{ direction: 'ingress', peer: { identity: client.identity }, origin: origins.serverIngress }],
};
const onlyToServer: PolicySpec = {
  ingressDefault: origins.clientDefault,
  egressDefault: origins.clientDefault,
  entries: [{ direction: 'egress', peer: { identity: server.identity }, origin: origins.clientEgress }],
};

function closeEverythingElse(): void {
  node.tables.policies.set(client.subject, onlyToServer);
  node.tables.policies.set(server.subject, onlyFromClient);
}

function asksPolicy({ marks }: Outcome): boolean {
  return marks.COUNTER_DECISION_HIT !== undefined || marks.COUNTER_DECISION_MISS !== undefined;
}

async function connect(family: Family): Promise<void> {
  const talk = clientToServer(family);
  expect(await node.fromPod(client, talk.syn())).toMatchObject(delivered);
  expect(await node.fromPod(server, talk.back.synAck())).toMatchObject(delivered);
  expect(await node.fromPod(client, talk.ack())).toMatchObject(delivered);
}

describe.each(families)('flows over IPv%i', (family) => {
  const talk = clientToServer(family);

  it('D8: a scan leaves nothing in the table: the first denial of a flow is reported, not remembered', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 9 });
    for (let port = 1; port <= 100; port++) {
      const { counter, events } = await node.fromPod(client, talk.syn(40000, port));
      expect([counter, events.length]).toEqual([deniedAtIngress.counter, 1]);
    }
    expect(await node.flowEntries()).toBe(0);
  });

  it('are remembered as denied when denied again: the third packet asks nobody', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 9 });
    for (let denial = 1; denial <= 2; denial++) {
      const outcome = await node.fromPod(client, talk.syn());
      expect([outcome.counter, outcome.events.length, asksPolicy(outcome)]).toEqual([deniedAtIngress.counter, 1, true]);
      expect(await node.flowEntries()).toBe(denial - 1);
    }
    const third = await node.fromPod(client, talk.syn());
    expect([third.counter, asksPolicy(third)]).toEqual([deniedAtIngress.counter, false]);
  });

  it('that are denied in turns are remembered each', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 9 });
    for (let turn = 0; turn < 2; turn++) for (const port of [81, 82, 83]) await node.fromPod(client, talk.udp(40000, port));
    expect(await node.flowEntries()).toBe(3);
  });

  it('are decided once and reported once; what follows is a hit', async () => {
    expect(await node.fromPod(client, talk.udp())).toMatchObject({
      ...delivered,
      marks: { COUNTER_FLOW_INSERT: 1, COUNTER_EVENTS_SENT: 1 },
    });
    expect((await node.fromPod(client, talk.udp())).marks).toEqual({ BY_FLOW_ENTRY: 1 });
  });

  it('permit the replies of a permitted connection, although nothing permits them by themselves', async () => {
    closeEverythingElse();
    await connect(family);
    expect(await node.fromPod(server, talk.back.tcp(tcpFlags.ack, 80, 40000))).toMatchObject(hit);
    expect(await node.fromPod(server, talk.back.tcp(tcpFlags.ack, 81, 40000))).toMatchObject(deniedAtEgress);
  });

  it('permit the answer to an echo request, and no other echo', async () => {
    closeEverythingElse();
    await node.fromPod(client, talk.echo(7));
    expect(await node.fromPod(server, talk.back.echoReply(7))).toMatchObject(hit);
    expect(await node.fromPod(server, talk.back.echoReply(8))).toMatchObject(deniedAtEgress);
    expect(await node.fromPod(server, talk.back.echo(7))).toMatchObject(deniedAtEgress);
  });

  it('of different protocols, ports or echo ids have nothing to do with each other', async () => {
    await node.fromPod(client, talk.udp());
    for (const other of [talk.syn(), talk.udp(40001, 80), talk.udp(40000, 81), talk.echo(40000)]) {
      expect(await node.fromPod(client, other)).toMatchObject({ ...delivered, marks: { COUNTER_FLOW_INSERT: 1 } });
    }
  });

  it('take a packet from the middle of a connection as a new flow, which policy has to permit', async () => {
    closeEverythingElse();
    expect(await node.fromPod(client, talk.ack())).toMatchObject({ ...delivered, marks: { COUNTER_FLOW_INSERT: 1 } });
    expect(await node.fromPod(server, talk.back.ack(81, 40001))).toMatchObject(deniedAtEgress);
  });

  it("decide a new connection on an old one's ports anew", async () => {
    await connect(family);
    await node.fromPod(client, talk.tcp(tcpFlags.fin | tcpFlags.ack));
    await node.fromPod(server, talk.back.tcp(tcpFlags.fin | tcpFlags.ack, 80, 40000));
    const again = await node.fromPod(client, talk.syn());
    expect(again).toMatchObject({ ...delivered, marks: { COUNTER_FLOW_INSERT: 1 }, events: [{ type: 1 }] });
  });

  it('never take a bare SYN for a reply, and a denied one cuts nothing', async () => {
    closeEverythingElse();
    await connect(family);
    expect(await node.fromPod(server, talk.back.syn(80, 40000))).toMatchObject(deniedAtEgress);
    expect(await node.fromPod(server, talk.back.ack(80, 40000))).toMatchObject(hit);
    expect(await node.fromPod(client, talk.ack())).toMatchObject(hit);
  });
});

describe.each(families)('edits of what live flows depend on, over IPv%i', (family) => {
  const talk = clientToServer(family);

  it.each([
    ['the source', client, deniedAtEgress, { egressDefault: 9 }],
    ['the destination', server, deniedAtIngress, { ingressDefault: 9 }],
  ] as const)('D2: a policy edit at %s bites the next packet of an open connection', async (_, pod, outcome, policy) => {
    await connect(family);
    node.tables.policies.set(pod.subject, policy);
    expect(await node.fromPod(client, talk.ack())).toMatchObject({
      ...outcome,
      marks: { COUNTER_FLOW_STALE: 1 },
      events: [{ type: 2, reason: 133 }],
    });
  });

  it('D2: a filled policy means nothing before the subject is flipped to it', async () => {
    await connect(family);
    const id = node.tables.policies.fill({ egressDefault: 9 });
    expect(await node.fromPod(client, talk.ack())).toMatchObject(hit);
    node.tables.policies.flip(client.subject, id);
    expect(await node.fromPod(client, talk.ack())).toMatchObject(deniedAtEgress);
  });

  it('D2: an edit that changes nothing for a flow leaves it as it is, and is not reported', async () => {
    await connect(family);
    node.tables.policies.set(client.subject, onlyToServer);
    expect(await node.fromPod(client, talk.ack())).toMatchObject({
      ...delivered,
      marks: { COUNTER_FLOW_STALE: 1, COUNTER_FLOW_INSERT: 1 },
      events: [],
    });
    expect(await node.fromPod(client, talk.ack())).toMatchObject(hit);
  });

  it('D2: churn of anything else costs a flow nothing', async () => {
    await connect(family);
    node.tables.policies.set(99, { egressDefault: 9 });
    node.tables.addPod({ ...server, slot: 77, subject: 99, ipv4: '10.1.0.7', ipv6: 'fd00:1::7' });
    node.tables.setPrefix('203.0.113.0/24', 1 << 24);
    expect(await node.fromPod(client, talk.ack())).toMatchObject(hit);
  });

  it('D2: a denial is remembered only until an edit permits the flow', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 9 });
    for (let packet = 0; packet < 3; packet++) expect(await node.fromPod(client, talk.udp())).toMatchObject(deniedAtIngress);
    node.tables.policies.set(server.subject, onlyFromClient);
    expect(await node.fromPod(client, talk.udp())).toMatchObject(delivered);
    expect(await node.fromPod(client, talk.udp())).toMatchObject(hit);
  });

  it('that an edit cuts are remembered as denied at once', async () => {
    await connect(family);
    node.tables.policies.set(client.subject, { egressDefault: 9 });
    expect(await node.fromPod(client, talk.ack())).toMatchObject({ ...deniedAtEgress, events: [{ type: 2 }] });
    const next = await node.fromPod(client, talk.ack());
    expect([next.counter, asksPolicy(next)]).toEqual([deniedAtEgress.counter, false]);
  });

  it("D2: a relabelled pod's flows are decided anew", async () => {
    closeEverythingElse();
    await connect(family);
    node.tables.addPod({ ...client, identity: 1001 });
    expect(await node.fromPod(client, talk.ack())).toMatchObject(deniedAtIngress);
  });

  it('D2: another identity of a prefix reaches the flows to it', async () => {
    node.tables.policies.set(client.subject, {
      egressDefault: 9,
      entries: [{ direction: 'egress', peer: { identity: 1 << 24 }, origin: origins.clientEgress }],
    });
    const cover = family === 4 ? '198.51.100.0/24' : '2001:db8:ffff::/48';
    node.tables.setPrefix(cover, 1 << 24);
    const away = new Talk(family, client, outside);
    expect(await node.fromPod(client, away.udp())).toMatchObject({ action: 'pass' });
    node.tables.setPrefix(cover, 2 << 24);
    expect(await node.fromPod(client, away.udp())).toMatchObject(deniedAtEgress);
  });

  it('D2: an address that passes from outside to a pod elsewhere is decided anew', async () => {
    const away = new Talk(family, client, outside);
    await node.fromPod(client, away.udp());
    expect(await node.fromPod(client, away.udp())).toMatchObject({ marks: { BY_FLOW_ENTRY: 1 } });
    node.tables.setApplied(3001, false);
    node.tables.setPeer(family === 4 ? outside.ipv4 : outside.ipv6, { identity: 3001 });
    expect(await node.fromPod(client, away.udp())).toMatchObject({ counter: 'egress 171 REASON_INVALID_IDENTITY' });
  });

  it('D2: another class of an address decides the next flow to it, however often it was looked up before', async () => {
    const peer = { class: 7 };
    node.tables.policies.set(client.subject, { egressDefault: 9, entries: [{ direction: 'egress', peer, origin: origins.clientEgress }] });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(deniedAtEgress);
    node.tables.setPrefix(family === 4 ? `${server.ipv4}/32` : `${server.ipv6}/128`, 0, 7);
    expect(await node.fromPod(client, talk.udp())).toMatchObject(delivered);
    node.tables.setPrefix(family === 4 ? `${server.ipv4}/32` : `${server.ipv6}/128`, 0, 8);
    expect(await node.fromPod(client, talk.udp(40001))).toMatchObject(deniedAtEgress);
  });

  it('D3: a stale reply is decided with the original tuple, and goes on where that is still permitted', async () => {
    closeEverythingElse();
    await connect(family);
    node.tables.policies.set(server.subject, onlyFromClient);
    const reply = await node.fromPod(server, talk.back.ack(80, 40000));
    expect(reply).toMatchObject({ ...delivered, marks: { COUNTER_FLOW_STALE: 1 }, events: [] });
    expect(await node.fromPod(client, talk.ack())).toMatchObject(hit);
  });

  it('D3: a stale reply drops where its original direction is no longer permitted', async () => {
    await connect(family);
    node.tables.policies.set(client.subject, { egressDefault: origins.clientDefault });
    const reply = await node.fromPod(server, talk.back.ack(80, 40000));
    expect(reply).toMatchObject({ ...deniedAtEgress, events: [{ reason: 133, egressOrigin: origins.clientDefault, reply: 1 }] });
    expect(await node.fromPod(client, talk.ack())).toMatchObject(deniedAtEgress);
  });

  it('D3: a reply from outside whose entry is gone while the other direction’s lives is decided with the original tuple', async () => {
    node.tables.policies.set(client.subject, { ingressDefault: origins.clientDefault });
    await node.fromPod(client, new Talk(family, client, outside).udp(40000, 53));
    await node.forgetZone(0xfffe);
    const answer = () => node.toPod(client, new Talk(family, outside, client).udp(53, 40000), 'native');
    expect(await answer()).toMatchObject({ action: 'pass', counter: 'ingress FORWARD_TO_ENDPOINT', events: [] });
    await node.forgetZone(0xfffe);
    await node.forgetZone(client.slot);
    expect(await answer()).toMatchObject({ action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' });
  });

  it('D3: a stale reply from outside is decided with the original tuple', async () => {
    node.tables.policies.set(client.subject, {
      ...onlyToServer,
      entries: [{ direction: 'egress', peer: 'any', origin: origins.clientEgress }],
    });
    await node.fromPod(client, new Talk(family, client, outside).udp(40000, 53));
    node.tables.policies.set(client.subject, {
      ...onlyToServer,
      entries: [{ direction: 'egress', peer: 'any', origin: origins.clientEgress }],
    });
    const reply = new Talk(family, outside, client).udp(53, 40000);
    expect(await node.toPod(client, reply, 'native')).toMatchObject({ action: 'pass', marks: { COUNTER_FLOW_STALE: 1 }, events: [] });
    node.tables.policies.set(client.subject, onlyToServer);
    expect(await node.toPod(client, reply, 'native')).toMatchObject({
      action: 'drop',
      counter: 'egress 133 REASON_POLICY_DENIED',
      events: [{ reply: 1 }],
    });
  });

  it('D6: a subject that loses its policy loses its flows', async () => {
    await connect(family);
    node.tables.policies.flip(server.subject, 0);
    expect(await node.fromPod(client, talk.ack())).toMatchObject({ action: 'drop', counter: 'ingress 203 REASON_ENDPOINT_NOT_READY' });
  });

  it("knows every identity by its number only: the host's is no wildcard", async () => {
    node.tables.policies.set(server.subject, {
      ingressDefault: 9,
      entries: [{ direction: 'ingress', peer: { identity: identities.host }, origin: 1 }],
    });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(deniedAtIngress);
  });
});
