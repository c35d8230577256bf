import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, populate, server } from './kernel/cast.ts';
import type { Outcome } from './kernel/outcome.ts';
import { TestNode } from './kernel/test-node.ts';
import { families } from './packets/talk.ts';
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

describe.each(families)('D8: a full flow table, IPv%i', (family) => {
  const talk = clientToServer(family);

  /** Established connections, until one is refused: the client's ports, and what became of that one. */
  async function fill(): Promise<{ readonly open: readonly number[]; readonly refused: Outcome }> {
    const open: number[] = [];
    for (let port = 1024; ; port++) {
      const first = await node.fromPod(client, talk.syn(port));
      if (first.counter !== 'egress FORWARD_TO_ENDPOINT') return { open, refused: first };
      await node.fromPod(server, talk.back.synAck(80, port));
      await node.fromPod(client, talk.ack(port));
      open.push(port);
    }
  }

  it('refuses new flows with 155 and keeps every established one', async () => {
    const { open, refused } = await fill();
    expect(open.length).toBeGreaterThan(100);
    expect(refused).toMatchObject({ action: 'drop', counter: 'egress 155 REASON_CONNTRACK_INSERT', events: [{ type: 2, reason: 155 }] });
    for (const port of open) {
      expect(await node.fromPod(client, talk.ack(port))).toMatchObject({ action: 'redirect', marks: { BY_FLOW_ENTRY: 1 } });
      expect(await node.fromPod(server, talk.back.ack(80, port))).toMatchObject({ action: 'redirect', marks: { BY_FLOW_ENTRY: 1 } });
    }
  });

  it('has room again for what takes the place of a connection that was reset, and reports that one with its packets', async () => {
    const { open } = await fill();
    for (const port of open) await node.fromPod(client, talk.tcp(tcpFlags.rst, port));
    const again = await node.fromPod(client, talk.syn(1024 + open.length));
    expect(again).toMatchObject({ action: 'redirect', events: [{ type: 1 }] });
    expect(again.closed.length).toBeGreaterThan(0);
    for (const { reply, packets, ...closed } of again.closed) {
      expect(packets).toBe(reply ? 1n : 3n);
      expect(closed).toMatchObject({ verdict: 1, family, protocol: 6, sourceIdentity: reply ? server.identity : client.identity });
    }
  });

  it('denies as before, remembered or not', async () => {
    await fill();
    node.tables.policies.set(server.subject, {
      ingressDefault: 9,
      entries: [{ direction: 'ingress', peer: 'any', protocol: 6, origin: 1 }],
    });
    for (let again = 0; again < 3; again++) {
      expect(await node.fromPod(client, talk.udp())).toMatchObject({ action: 'drop', counter: 'ingress 133 REASON_POLICY_DENIED' });
    }
  });
});
