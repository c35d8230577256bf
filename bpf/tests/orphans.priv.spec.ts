import { eventType } from '@myelin/datapath-layout';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, outside, populate, server } from './kernel/cast.ts';
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

/** Has the server's slot after it. */
const heir = { ...server, identity: 4321, ipv4: '10.1.0.77', ipv6: 'fd00:1::77' };

describe.each(families)('D8: entries of a pod that has gone, over IPv%i', (family) => {
  const talk = clientToServer(family);
  const establish = async () => {
    await node.fromPod(client, talk.syn());
    await node.fromPod(server, talk.back.synAck());
    await node.fromPod(client, talk.ack());
  };

  it('are taken out, established or not, and told with their packets; nobody is told to have been the one that has its slot now', async () => {
    await establish();
    expect(await node.flowEntries()).toBe(2);
    node.tables.changePod(heir);
    const told = await node.sweep();
    expect(await node.flowEntries()).toBe(0);
    expect(told.map(({ type, reply, packets }) => ({ type, reply, packets }))).toEqual(
      expect.arrayContaining([
        { type: eventType.EVENT_CLOSE, reply: 0, packets: 2n },
        { type: eventType.EVENT_CLOSE, reply: 1, packets: 1n },
      ]),
    );
    for (const { reply, sourceIdentity, destinationIdentity } of told)
      expect([sourceIdentity, destinationIdentity]).toEqual(reply ? [0, client.identity] : [client.identity, 0]);
  });

  it('are taken out when it was denied, too', async () => {
    node.tables.policies.set(server.subject, { ingressDefault: 8 });
    for (let time = 0; time < 2; time++) await node.fromPod(client, talk.udp());
    expect(await node.flowEntries()).toBe(1);
    node.tables.changePod(heir);
    await node.sweep();
    expect(await node.flowEntries()).toBe(0);
  });

  it('give way, and nobody else’s do, out of date or not', async () => {
    const away = new Talk(family, client, outside);
    await node.fromPod(client, away.udp());
    await node.fromPod(server, talk.back.udp(9, 9));
    node.tables.changePod({ ...client, identity: 4322 });
    await node.sweep();
    expect(await node.flowEntries()).toBe(4);
    node.tables.changePod(heir);
    await node.sweep();
    expect(await node.flowEntries()).toBe(2);
  });

  it('leave their room to others: a table that they filled takes new flows', async () => {
    let refused = false;
    for (let n = 0; n < 1000 && !refused; n++) {
      const { counter } = await node.fromPod(server, new Talk(family, server, outside).udp(1000 + n, 9));
      refused = counter.includes(' 155 ');
    }
    expect(refused).toBe(true);
    node.tables.changePod(heir);
    await node.sweep();
    expect(await node.flowEntries()).toBe(0);
    expect(await node.fromPod(client, new Talk(family, client, outside).udp())).toMatchObject({ action: 'pass' });
  });
});
