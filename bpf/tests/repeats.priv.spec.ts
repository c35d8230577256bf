import { setTimeout as sleep } from 'node:timers/promises';
import { type Event, REPEATS_ALLOWANCE, REPEATS_LANES } from '@myelin/datapath-layout';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { client, clientToServer, host, nobody, origins, populate, server } from './kernel/cast.ts';
import { TestNode } from './kernel/test-node.ts';
import { families, Talk } from './packets/talk.ts';

let node: TestNode;
beforeAll(async () => {
  node = await TestNode.load({ eventBytes: 1 << 20 });
});
afterAll(() => node.close());
beforeEach(() => {
  node.reset();
  populate(node);
});

/** Longer than a tick, in which one record is enough. */
const nextTickMs = 400;
/** A tick is 64 jiffies here. */
const shortestTickMs = 64;
/** That run packets at once: as many as libuv has threads. */
const mostProcessors = 4;
/** More ticks than any of these tests takes for one round of packets. */
const mostTicks = 20;

const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n);

/** What records stand for. */
function told(events: readonly Event[]): { readonly packets: bigint; readonly bytes: bigint } {
  for (const { packets, repeats } of events) expect(packets).toBe(BigInt(repeats) + 1n);
  return { packets: sum(events.map(({ packets }) => packets)), bytes: sum(events.map(({ bytes }) => bytes)) };
}

describe.each(families)('D7: drops that no flow entry counts, over IPv%i', (family) => {
  const talk = clientToServer(family);
  const spoofed = new Talk(
    family,
    { ...client, ipv4: server.ipv4, ipv6: server.ipv6 },
    { ...server, ipv4: nobody.ipv4, ipv6: nobody.ipv6 },
  ).udp();
  const early = [
    { reason: 130, of: 'a foreign MAC', packet: talk.with({ sourceMac: server.mac }).udp() },
    { reason: 132, of: 'a foreign address', packet: spoofed },
    { reason: 172, of: 'an address that nobody has', packet: new Talk(family, client, nobody).udp() },
    { reason: 134, of: 'a malformed packet', packet: talk.tcp(0) },
  ];

  it.each(early)('are told once at once, and the rest of a burst when its tick is over: $reason, $of', async ({ reason, packet }) => {
    const burst = await node.fromPod(client, packet, { repeat: 5000 });
    expect(burst.counter).toContain(` ${reason} `);
    expect(burst.events.length).toBeGreaterThan(0);
    expect(burst.events.length).toBeLessThan(mostTicks);
    await sleep(nextTickMs);
    const last = await node.sweep();
    expect(last).toMatchObject([{ type: 2, verdict: 2, reason, sourceZone: client.slot, sourceIdentity: client.identity, ifindex: 1 }]);
    expect(told([...burst.events, ...last])).toEqual({ packets: 5000n, bytes: 5000n * BigInt(packet.length) });
    expect(await node.sweep()).toEqual([]);
  });

  it('are told with the next packet like them, in a later tick', async () => {
    const burst = await node.fromPod(client, spoofed, { repeat: 100 });
    await sleep(nextTickMs);
    const next = await node.fromPod(client, spoofed);
    expect(next.events).toHaveLength(1);
    expect(told([...burst.events, ...next.events]).packets).toBe(101n);
    await sleep(nextTickMs);
    expect(await node.sweep()).toEqual([]);
  });

  it('are not told by the sweep while their tick lasts and the pod’s next packet may tell them', async () => {
    const burst = await node.fromPod(client, spoofed, { repeat: 100 });
    const swept = await node.sweep();
    await sleep(nextTickMs);
    expect(told([...burst.events, ...swept, ...(await node.sweep())]).packets).toBe(100n);
  });

  it('of two pods, and for two reasons, are counted apart', async () => {
    for (const { packet } of early) await node.fromPod(client, packet, { repeat: 10 });
    await node.fromPod(server, talk.with({ sourceMac: client.mac }).udp(), { repeat: 10 });
    await sleep(nextTickMs);
    const last = await node.sweep();
    const seen = new Set(last.map(({ sourceZone, reason }) => `${sourceZone} ${reason}`));
    expect(seen).toEqual(new Set([...early.map(({ reason }) => `${client.slot} ${reason}`), `${server.slot} 130`]));
  });

  it('with made-up addresses have no more records a tick than there are lanes, and none is left out', async () => {
    const events: Event[] = [];
    for (let n = 0; n < 500; n++) {
      const made = { ...client, ipv4: `10.9.${n >> 8}.${n & 255}`, ipv6: `fd00:9::${n.toString(16)}` };
      events.push(...(await node.fromPod(client, new Talk(family, made, server).udp())).events);
    }
    expect(events.length).toBeLessThan(REPEATS_LANES * mostTicks);
    await sleep(nextTickMs);
    expect(told([...events, ...(await node.sweep())]).packets).toBe(500n);
  });

  it('from several processors at once are all counted', async () => {
    const { events } = await node.fromPodAtOnce(client, Array(4).fill(spoofed), { repeat: 20_000 });
    await sleep(nextTickMs);
    expect(told([...events, ...(await node.sweep())]).packets).toBe(80_000n);
  });
});

describe.each(families)('D8: a scan, over IPv%i', (family) => {
  const talk = clientToServer(family);
  const flows = 4000;
  const probes = (of: Talk) => Array.from({ length: flows }, (_, n) => of.udp(20000 + n, 9));
  /** Records in as many ticks as these took. */
  const most = (events: readonly Event[]) => {
    const times = events.map(({ timeNs }) => Number(timeNs / 1_000_000n));
    const ticks = (Math.max(...times) - Math.min(...times)) / shortestTickMs + 2;
    return ticks * (REPEATS_ALLOWANCE + REPEATS_LANES + mostProcessors);
  };
  const scan = (count = flows) => node.fromPodAtOnce(client, probes(talk).slice(0, count), { repeat: 1 });
  beforeEach(() => {
    for (const { subject } of [client, server])
      node.tables.policies.set(subject, { ingressDefault: origins.other, egressDefault: origins.other });
  });

  it('has no more records than the allowance and the lanes of each tick, and none of its packets is left out', async () => {
    const { events } = await scan();
    expect(events.length).toBeLessThanOrEqual(most(events));
    await sleep(nextTickMs);
    expect(told([...events, ...(await node.sweep())]).packets).toBe(BigInt(flows));
  });

  it('asked again, has entries but no more records, and none of its packets is left out', async () => {
    const events: Event[] = [];
    for (let round = 0; round < 2; round++) events.push(...(await scan()).events);
    expect(events.length).toBeLessThanOrEqual(most(events));
    expect(await node.flowEntries()).toBeGreaterThan(0);
    await sleep(nextTickMs);
    expect(told([...events, ...(await node.sweep())]).packets).toBe(BigInt(2 * flows));
  });

  it('takes no records from another pod', async () => {
    await scan(REPEATS_ALLOWANCE + 50);
    const { events } = await node.fromPodAtOnce(server, probes(talk.back).slice(0, 200), { repeat: 1 });
    expect(events.filter(({ sourceZone }) => sourceZone === server.slot)).toHaveLength(200);
  });

  it('takes no records from what is sent to the pod that scans', async () => {
    await scan(REPEATS_ALLOWANCE + 50);
    for (const packet of probes(new Talk(family, host, client)).slice(0, 50)) {
      const outcome = await node.toPod(client, packet, 'host');
      expect(outcome).toMatchObject({
        counter: 'ingress 133 REASON_POLICY_DENIED',
        events: [{ destinationZone: client.slot, repeats: 0 }],
      });
    }
  });
});

it('D7: a frame at an interface of no pod is one of many, too', async () => {
  const packet = clientToServer(4).udp();
  const first = await node.fromNobody(packet);
  const second = await node.fromNobody(packet);
  await sleep(nextTickMs);
  const last = await node.sweep();
  expect(told([...first.events, ...second.events, ...last]).packets).toBe(2n);
});
