import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  client,
  clientToServer,
  host,
  identities,
  nobody,
  origins,
  outside,
  populate,
  remoteNode,
  remotePod,
  server,
  world,
} from './kernel/cast.ts';
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

const toStack = { action: 'pass', counter: 'egress FORWARD_TO_STACK' };
const unknown = { action: 'drop', counter: 'egress 172 REASON_UNKNOWN_SENDER' };
const notApplied = { action: 'drop', counter: 'egress 171 REASON_INVALID_IDENTITY' };

describe.each(families)('who has an address, over IPv%i', (family) => {
  const address = family === 4 ? 'ipv4' : 'ipv6';
  const to = (other: { readonly ipv4: string; readonly ipv6: string }) => new Talk(family, client, other);

  it.each([
    ['a machine outside', outside, world(family), 'egress FORWARD_TO_STACK'],
    ['a pod elsewhere', remotePod, identities.remotePod, 'egress FORWARD_TO_STACK'],
    ['another node', remoteNode, identities.remoteNode, 'egress FORWARD_TO_STACK'],
    ['this node', host, identities.host, 'egress FORWARD_TO_HOST'],
  ])('passes what is for %s to the stack, under its identity', async (_, other, identity, counter) => {
    const outcome = await node.fromPod(client, to(other).udp());
    expect(outcome).toMatchObject({
      action: 'pass',
      counter,
      events: [{ type: 1, sourceIdentity: client.identity, destinationIdentity: identity }],
    });
  });

  it('takes the longest prefix for what nobody has, and an exact entry before any prefix', async () => {
    node.tables.setPrefix(family === 4 ? '198.51.100.0/24' : '2001:db8:ffff::/48', 1 << 24);
    node.tables.setPrefix(family === 4 ? '198.51.0.0/16' : '2001:db8::/32', 2 << 24);
    expect((await node.fromPod(client, to(outside).udp())).events).toMatchObject([{ destinationIdentity: 1 << 24 }]);
    node.tables.setPeer(outside[address], { identity: identities.remoteNode });
    expect((await node.fromPod(client, to(outside).udp(40001))).events).toMatchObject([{ destinationIdentity: identities.remoteNode }]);
  });

  it('decides by the identity of a prefix', async () => {
    node.tables.setPrefix(family === 4 ? '198.51.100.0/24' : '2001:db8:ffff::/48', 1 << 24);
    node.tables.policies.set(client.subject, {
      egressDefault: 9,
      entries: [{ direction: 'egress', peer: { identity: 1 << 24 }, origin: origins.clientEgress }],
    });
    expect(await node.fromPod(client, to(outside).udp())).toMatchObject(toStack);
    const beyond = to({ ipv4: '203.0.113.1', ipv6: '2001:db8:eeee::1' });
    expect(await node.fromPod(client, beyond.udp())).toMatchObject({ counter: 'egress 133 REASON_POLICY_DENIED' });
  });

  it('D4: an address inside the cluster that nobody has drops with 172, isolated or not', async () => {
    expect(await node.fromPod(client, to(nobody).udp())).toMatchObject({ ...unknown, events: [{ reason: 172, destinationIdentity: 0 }] });
    node.tables.policies.set(client.subject, {
      egressDefault: 9,
      entries: [{ direction: 'egress', peer: 'any', origin: origins.clientEgress }],
    });
    expect(await node.fromPod(client, to(nobody).udp())).toMatchObject(unknown);
  });

  it('D4: no class of prefixes makes an unknown address known', async () => {
    node.tables.setPrefix(family === 4 ? '10.1.0.0/16' : 'fd00:1::/32', 0, 55);
    node.tables.policies.set(client.subject, {
      egressDefault: 9,
      entries: [{ direction: 'egress', peer: { class: 55 }, origin: origins.clientEgress }],
    });
    expect(await node.fromPod(client, to(nobody).udp())).toMatchObject(unknown);
  });

  it('D4: an address that no prefix covers is unknown, too', async () => {
    node.reset();
    node.tables.addPod(client);
    node.tables.policies.set(client.subject, {});
    expect(await node.fromPod(client, to(outside).udp())).toMatchObject(unknown);
  });

  it('D4: an unknown source drops on its way to a pod', async () => {
    const outcome = await node.toPod(server, new Talk(family, nobody, server).udp(), 'native');
    expect(outcome).toMatchObject({ action: 'drop', counter: 'ingress 172 REASON_UNKNOWN_SENDER', events: [{ sourceIdentity: 0 }] });
  });

  it('D4: an address that somebody gets is reachable at once', async () => {
    expect(await node.fromPod(client, to(nobody).udp())).toMatchObject(unknown);
    node.tables.setPeer(nobody[address], { identity: identities.remotePod });
    expect(await node.fromPod(client, to(nobody).udp())).toMatchObject(toStack);
  });

  it('D5: an identity whose bit is not set drops with 171, also under a wildcard allow', async () => {
    node.tables.setApplied(identities.remotePod, false);
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject({
      ...notApplied,
      events: [{ reason: 171, destinationIdentity: identities.remotePod }],
    });
    node.tables.policies.set(client.subject, {
      egressDefault: 9,
      entries: [{ direction: 'egress', peer: 'any', origin: origins.clientEgress }],
    });
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(notApplied);
  });

  it('D5: it drops at the destination as well, whose policy does not know it', async () => {
    node.tables.setApplied(client.identity, false);
    const outcome = await node.fromPod(client, clientToServer(family).udp());
    expect(outcome).toMatchObject({ action: 'drop', counter: 'ingress 171 REASON_INVALID_IDENTITY' });
  });

  it('D5: it drops when it comes from elsewhere', async () => {
    node.tables.setApplied(identities.remotePod, false);
    const outcome = await node.toPod(server, new Talk(family, remotePod, server).udp(), 'native');
    expect(outcome).toMatchObject({ action: 'drop', counter: 'ingress 171 REASON_INVALID_IDENTITY' });
  });

  it('D5: its bit opens it at the next packet, and closes it again', async () => {
    node.tables.setApplied(identities.remotePod, false);
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(notApplied);
    node.tables.setApplied(identities.remotePod, true);
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(toStack);
    node.tables.setApplied(identities.remotePod, false);
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(notApplied);
  });

  it.each([256, 319, 320, 65535])('D5: finds the bit of identity %i', async (identity) => {
    node.tables.setPeer(remotePod[address], { identity });
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(notApplied);
    node.tables.setApplied(identity, true);
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(toStack);
  });

  it('D5: identities of other clusters have no bit yet', async () => {
    node.tables.setPeer(remotePod[address], { identity: (1 << 16) | 300 });
    expect(await node.fromPod(client, to(remotePod).udp())).toMatchObject(notApplied);
  });
});
