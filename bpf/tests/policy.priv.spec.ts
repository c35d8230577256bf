import { possibleCpus } from '@myelin/bpf-native';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, identities, origins, outside, populate, server, world } from './kernel/cast.ts';
import type { Entry } from './kernel/policy-tables.ts';
import { TestNode } from './kernel/test-node.ts';
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

const allowed = { action: 'redirect', counter: 'egress FORWARD_TO_ENDPOINT' };
const deniedAtEgress = { action: 'drop', counter: 'egress 133 REASON_POLICY_DENIED' };
const deniedAtIngress = { action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' };
const ruledOutAtIngress = { action: 'drop', counter: 'ingress 181 REASON_DENY_RULE' };

/** Isolates the server's ingress but for these entries. */
function isolateServer(...entries: readonly Omit<Entry, 'direction'>[]): void {
  node.tables.policies.set(server.subject, {
    ingressDefault: origins.serverDefault,
    entries: entries.map((entry) => ({ ...entry, direction: 'ingress' })),
  });
}

describe.each(families)('policy over IPv%i', (family) => {
  const talk = clientToServer(family);

  it('lets everything through between pods that no policy isolates', async () => {
    expect(await node.fromPod(client, talk.udp())).toMatchObject(allowed);
  });

  it('finds each entry of a large policy, and nothing beside them', async () => {
    const others = Array.from({ length: 3000 }, (_, index): Omit<Entry, 'direction'> => {
      return { peer: { identity: 5000 + (index >> 4) }, protocol: protocols.udp, port: index & 15, origin: 1 };
    });
    const even = Array.from({ length: 64 }, (_, index): Omit<Entry, 'direction'> => {
      return { peer: { identity: client.identity }, protocol: protocols.udp, port: 2 * index, origin: 2 };
    });
    isolateServer(...others, ...even);
    for (let port = 0; port < 128; port++)
      expect(await node.fromPod(client, talk.udp(40000, port)), `port ${port}`).toMatchObject(port % 2 === 0 ? allowed : deniedAtIngress);
  });

  it('denies at the source what its isolated egress has no entry for, and names the default', async () => {
    node.tables.policies.set(client.subject, { egressDefault: origins.clientDefault });
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(deniedAtEgress);
    expect(outcome.events).toMatchObject([{ reason: 133, egressOrigin: origins.clientDefault, ingressOrigin: 0 }]);
  });

  it('denies at the destination what its isolated ingress has no entry for, and names the default', async () => {
    isolateServer();
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(deniedAtIngress);
    expect(outcome.events).toMatchObject([{ reason: 133, egressOrigin: 0, ingressOrigin: origins.serverDefault }]);
  });

  it('asks both ends: an egress entry alone does not open an isolated ingress', async () => {
    node.tables.policies.set(client.subject, {
      egressDefault: origins.clientDefault,
      entries: [{ direction: 'egress', peer: { identity: server.identity }, origin: origins.clientEgress }],
    });
    isolateServer();
    expect(await node.fromPod(client, talk.udp())).toMatchObject(deniedAtIngress);
  });

  it('lets through what both ends have an entry for, and names both rules', async () => {
    node.tables.policies.set(client.subject, {
      egressDefault: origins.clientDefault,
      entries: [{ direction: 'egress', peer: { identity: server.identity }, origin: origins.clientEgress }],
    });
    isolateServer({ peer: { identity: client.identity }, origin: origins.serverIngress });
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(allowed);
    expect(outcome.events).toMatchObject([{ type: 1, egressOrigin: origins.clientEgress, ingressOrigin: origins.serverIngress }]);
  });

  it('does not take an egress entry for an ingress one', async () => {
    node.tables.policies.set(server.subject, {
      ingressDefault: origins.serverDefault,
      entries: [{ direction: 'egress', peer: 'any', origin: origins.other }],
    });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(deniedAtIngress);
  });

  it('allows a peer by its identity, and no other one', async () => {
    isolateServer({ peer: { identity: identities.remotePod }, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(deniedAtIngress);
    isolateServer({ peer: { identity: client.identity }, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(allowed);
  });

  it('allows one port of a protocol, and neither the next one nor the other protocol', async () => {
    isolateServer({ peer: 'any', protocol: protocols.tcp, port: 80, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.syn(40000, 80))).toMatchObject(allowed);
    expect(await node.fromPod(client, talk.syn(40000, 81))).toMatchObject(deniedAtIngress);
    expect(await node.fromPod(client, talk.udp(40000, 80))).toMatchObject(deniedAtIngress);
  });

  it('allows a port range that is a prefix of the port, up to its last port', async () => {
    isolateServer({ peer: 'any', protocol: protocols.udp, port: 8000, portBits: 13, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.udp(40000, 8000))).toMatchObject(allowed);
    expect(await node.fromPod(client, talk.udp(40000, 8007))).toMatchObject(allowed);
    expect(await node.fromPod(client, talk.udp(40000, 8008))).toMatchObject(deniedAtIngress);
    expect(await node.fromPod(client, talk.udp(40000, 7999))).toMatchObject(deniedAtIngress);
  });

  it('allows a whole protocol', async () => {
    isolateServer({ peer: 'any', protocol: protocols.udp, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.udp(40000, 65535))).toMatchObject(allowed);
    expect(await node.fromPod(client, talk.syn())).toMatchObject(deniedAtIngress);
  });

  it('lets the longest match of one peer say everything: a narrow deny inside a wide allow', async () => {
    isolateServer(
      { peer: { identity: client.identity }, origin: origins.serverIngress },
      { peer: { identity: client.identity }, protocol: protocols.tcp, port: 22, deny: true, origin: origins.other },
    );
    expect(await node.fromPod(client, talk.syn(40000, 80))).toMatchObject(allowed);
    expect(await node.fromPod(client, talk.syn(40000, 22))).toMatchObject(ruledOutAtIngress);
  });

  it('lets any deny win: of every peer over an allow of the identity', async () => {
    isolateServer(
      { peer: { identity: client.identity }, protocol: protocols.udp, port: 80, origin: origins.serverIngress },
      { peer: 'any', deny: true, origin: origins.other },
    );
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(ruledOutAtIngress);
    expect(outcome.events).toMatchObject([{ reason: 181, ingressOrigin: origins.other }]);
  });

  it('lets any deny win: of the identity over an allow of every peer', async () => {
    isolateServer(
      { peer: 'any', origin: origins.serverIngress },
      { peer: { identity: client.identity }, deny: true, origin: origins.other },
    );
    expect(await node.fromPod(client, talk.udp())).toMatchObject(ruledOutAtIngress);
  });

  it('denies by a rule where nothing isolates', async () => {
    node.tables.policies.set(server.subject, { entries: [{ direction: 'ingress', peer: 'any', deny: true, origin: origins.other }] });
    expect(await node.fromPod(client, talk.udp())).toMatchObject(ruledOutAtIngress);
  });

  it("allows by the class of the peer's address, although it is a pod (ipBlock goes by address)", async () => {
    node.tables.setPrefix(family === 4 ? `${client.ipv4}/32` : `${client.ipv6}/128`, 0, 77);
    isolateServer({ peer: { class: 77 }, origin: origins.serverIngress });
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(allowed);
    expect(outcome.events).toMatchObject([{ ingressOrigin: origins.serverIngress }]);
  });

  it("denies by the class of the peer's address, although its identity is allowed", async () => {
    node.tables.setPrefix(family === 4 ? '10.1.0.0/24' : 'fd00:1::/64', 0, 78);
    isolateServer(
      { peer: { identity: client.identity }, origin: origins.serverIngress },
      { peer: { class: 78 }, deny: true, origin: origins.other },
    );
    expect(await node.fromPod(client, talk.udp())).toMatchObject(ruledOutAtIngress);
  });

  it('keeps peers of one identity apart by their class', async () => {
    node.tables.setPrefix(family === 4 ? '198.51.100.0/24' : '2001:db8:ffff::/48', world(family), 79);
    node.tables.policies.set(client.subject, {
      egressDefault: origins.clientDefault,
      entries: [{ direction: 'egress', peer: { class: 79 }, origin: origins.clientEgress }],
    });
    const inside = new Talk(family, client, outside);
    const beyond = new Talk(family, client, { ipv4: '203.0.113.1', ipv6: '2001:db8:eeee::1' });
    expect(await node.fromPod(client, inside.udp())).toMatchObject({ action: 'pass', counter: 'egress FORWARD_TO_STACK' });
    expect(await node.fromPod(client, beyond.udp())).toMatchObject(deniedAtEgress);
  });

  it('allows the echo request by its type, and its answer with it', async () => {
    const [request, protocol] = family === 4 ? [8, protocols.icmp] : [128, protocols.icmpv6];
    isolateServer({ peer: 'any', protocol, port: request << 8, portBits: 8, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.echo())).toMatchObject(allowed);
    expect(await node.fromPod(server, talk.back.echoReply())).toMatchObject(allowed);
    expect(await node.fromPod(client, talk.icmp(family === 4 ? 13 : 139))).toMatchObject(deniedAtIngress);
  });

  it('drops what only a proxy could judge, as long as there is none', async () => {
    isolateServer({ peer: 'any', ruleSet: 4, origin: origins.serverIngress });
    expect(await node.fromPod(client, talk.syn())).toMatchObject({ action: 'drop', counter: 'ingress 180 REASON_NO_PROXY' });
  });

  it('lets through in audit mode of the policy what it denies, and reports it as such', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: origins.serverDefault, audit: true });
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(allowed);
    expect(outcome.events).toMatchObject([{ type: 1, verdict: 4, reason: 133, direction: 1, ingressOrigin: origins.serverDefault }]);
  });

  it('lets through in audit mode of the pod what its policy denies', async () => {
    node.tables.changePod({ ...server, audit: true });
    isolateServer();
    const outcome = await node.fromPod(client, talk.udp());
    expect(outcome).toMatchObject(allowed);
    expect(outcome.events).toMatchObject([{ verdict: 4, reason: 133 }]);
  });

  it('remembers answers: another source port asks no entry again, once every processor has heard the answer', async () => {
    isolateServer({ peer: { identity: client.identity }, origin: origins.serverIngress });
    const flows = 4 * possibleCpus();
    let asked = 0;
    for (let port = 0; port < flows; port++) {
      const outcome = await node.fromPod(client, talk.udp(50_000 + port));
      expect(outcome).toMatchObject(allowed);
      expect(outcome.events).toMatchObject([{ ingressOrigin: origins.serverIngress }]);
      asked += outcome.marks.COUNTER_DECISION_MISS ?? 0;
    }
    expect(asked).toBeGreaterThanOrEqual(2);
    expect(asked).toBeLessThanOrEqual(2 * possibleCpus());
  });
});
