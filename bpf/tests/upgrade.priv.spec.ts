import { join } from 'node:path';
import { address } from '@myelin/address';
import { BpfMap, filterProgram, interfaceIndex, probeFeature, type TcDirection, tcxPrograms } from '@myelin/bpf-native';
import { type Counters, Datapath, type Entry, type Migration } from '@myelin/datapath';
import { flowClass } from '@myelin/datapath-layout';
import { releases } from '@myelin/tool-release';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dumpBuckets } from './flow/bucket-dump.ts';
import { client, server } from './kernel/cast.ts';
import { Conversations } from './kernel/conversations.ts';
import { type Deviation, ReleasedNode } from './kernel/released-node.ts';

// An agent of this tree takes over a node that a release's agent has left, while its pods talk (design D6, D9).

const hasTcx = (await probeFeature('tcx')).state === 'supported';
const directions: readonly TcDirection[] = ['ingress', 'egress'];
const place = { handle: 1, priority: 1 };
const protocols = { tcp: 6, udp: 17 } as const;
const ports = { open: 8080, shut: 8081 } as const;
const vips = { ipv4: '10.96.0.7', ipv6: 'fd00:96::7' } as const;
const patience = { timeout: process.env.MYELIN_EMULATED === '1' ? 300_000 : 30_000, interval: 20 };

/** Each pair of ends once: pod to pod, and by a Service; and what policy denies. */
const partners = (['ipv4', 'ipv6'] as const).flatMap((family) =>
  (['tcp', 'udp'] as const).flatMap((protocol) => [
    { name: `${protocol} ${family}`, protocol, address: server[family], port: ports.open, isOpen: true },
    { name: `${protocol} ${family} by Service`, protocol, address: vips[family], port: 80, isOpen: true },
    { name: `${protocol} ${family} denied`, protocol, address: server[family], port: ports.shut, isOpen: false },
  ]),
);
const open = partners.filter(({ isOpen }) => isOpen).map(({ name }) => name);
const denied = partners.filter(({ isOpen }) => !isOpen).map(({ name }) => name);

/** Nobody's layout: the release's, with smaller tables. What this tree makes of it is copied, not adopted. */
const smaller: Deviation & { readonly digest: bigint } = {
  digest: 0x51ab5n,
  sizes: { subjects: 1024, policies: 2048, endpoints: 512, interfaces: 32768 },
};
const same = (key: Buffer, value: Buffer): Entry => [key, value];
const grow: Migration = { from: smaller.digest, maps: Object.fromEntries(Object.keys(smaller.sizes!).map((table) => [table, same])) };

const nodes = releases().flatMap((version) => [
  { what: `of release ${version}`, version, deviation: {}, migrations: [] },
  { what: `of another layout than release ${version}`, version, deviation: smaller, migrations: [grow] },
]);

describe.each(nodes)('a node $what, taken over by this tree', ({ version, deviation, migrations }) => {
  let node: ReleasedNode;
  let serving: Conversations;
  let talking: Conversations;
  let talkers: string;
  let links: readonly string[];
  let datapath: Datapath | null = null;

  beforeAll(async () => {
    node = await ReleasedNode.start(version, deviation);
    const allowed = (['tcp', 'udp'] as const).map((protocol) => ({
      identity: client.identity,
      protocol: protocols[protocol],
      port: ports.open,
    }));
    const one = await node.addPod(client, 'client', 'filters', null);
    const other = await node.addPod(server, 'server', hasTcx ? 'links' : 'filters', allowed);
    links = [one.link, other.link];
    let pool = 0;
    for (const family of ['ipv4', 'ipv6'] as const)
      for (const protocol of [protocols.tcp, protocols.udp])
        node.addService(++pool, vips[family], 80, protocol, { address: server[family], port: ports.open });
    const servers = Object.values(ports).flatMap((port) => [`tcp:${port}`, `udp:${port}`]);
    serving = await Conversations.serve(other.namespace, ...servers);
    talkers = one.namespace;
    talking = await talk();
    await answered(20);
  });
  afterAll(() => {
    talking?.close();
    serving?.close();
    datapath?.close();
    node?.close();
  });

  const talk = () =>
    Conversations.talk(talkers, ...partners.map(({ name, protocol, address: to, port }) => [name, protocol, to, port].join(',')));

  /** Resolves when each open exchange has had so many more answers. */
  async function answered(more: number): Promise<void> {
    const before = await talking.accounts();
    await vi.waitFor(async () => {
      const now = await talking.accounts();
      const missing = open.filter((name) => now[name]!.answered < before[name]!.answered + more);
      expect(missing.map((name) => [name, now[name]])).toEqual([]);
    }, patience);
  }

  /** Resolves when each UDP exchange has asked so many more. */
  async function asked(more: number): Promise<void> {
    const names = partners.filter(({ protocol }) => protocol === 'udp').map(({ name }) => name);
    const before = await talking.accounts();
    await vi.waitFor(async () => {
      const now = await talking.accounts();
      for (const name of names) expect(now[name]!.asked).toBeGreaterThanOrEqual(before[name]!.asked + more);
    }, patience);
  }

  const hooks = () => links.flatMap((link) => directions.map((direction) => ({ ifindex: interfaceIndex(link)!, direction })));
  /** Ids of the programs at each hook: links, and filter. */
  const attached = () => hooks().map((hook) => [...(hasTcx ? tcxPrograms(hook) : []), filterProgram(hook, place)]);

  /** Keys of the entries of flows that are let through. */
  async function flows(): Promise<readonly string[]> {
    const keys: string[] = [];
    for (const family of [4, 6] as const) {
      const map = BpfMap.openPinned(join(node.bpffs, 'maps', `flows_v${family}`));
      for await (const { entries } of dumpBuckets(map, family))
        for (const { key, action } of entries) if (action.class > flowClass.FLOW_NEGATIVE) keys.push(key.toString('hex'));
      map.close();
    }
    return keys.sort();
  }

  it('replaces its programs in place while everything flows: no packet lost, none let through (D6, D9)', async () => {
    const [before, programs] = [await flows(), attached()];
    // Pod to pod and by a Service, both ways; what is denied has entries, too.
    expect(before.length).toBeGreaterThanOrEqual(open.length * 2);
    node.leave();
    await answered(5);

    datapath = await Datapath.open({ bpffs: node.bpffs, migrations });
    expect(datapath.adopted).toBe(true);
    // So far the release's programs have made all the entries there are.
    const { flowInserts } = datapath.counters();
    for (const link of links) {
      expect(await datapath.attachments.attach(link)).toMatchObject({ ifindex: interfaceIndex(link) });
      await answered(5);
    }
    const after = attached();
    // One program at each hook, as before, and another one.
    expect(after.map((ids) => ids.map((id) => id !== null))).toEqual(programs.map((ids) => ids.map((id) => id !== null)));
    expect(after.flat().filter((id) => id !== null && programs.flat().includes(id))).toEqual([]);
    await answered(20);

    const counters = datapath.counters();
    // Everything went on by the entries that were there.
    expect(counters.flowInserts).toBe(flowInserts);
    expect(await flows()).toEqual(before);
    expect(reasons(counters)).toEqual([133]);
    expect(await serving.heard()).toMatchObject({ [`udp:${ports.shut}`]: { heard: 0 }, [`tcp:${ports.shut}`]: { heard: 0 } });
  });

  it('cuts nothing, and what was asked has been answered to the last question', async () => {
    const accounts = await talking.finish();
    expect(open.filter((name) => accounts[name]!.asked !== accounts[name]!.answered).map((name) => [name, accounts[name]])).toEqual([]);
    expect(denied.map((name) => accounts[name]!.answered)).toEqual(denied.map(() => 0));
  });

  it('decides by what the release has written, and edits bite (D2)', async () => {
    expect(datapath!.addresses.read(address(server.ipv6))).toEqual({ identity: server.identity, slot: server.slot, node: 0 });
    expect(datapath!.policies.read(server.identity)).toMatchObject({ ingressIsolated: true, egressIsolated: false });
    talking.close();
    talking = await talk();
    await answered(5);
    const isolation = { ingressIsolated: true, egressIsolated: false, ingressDefaultOrigin: 3, egressDefaultOrigin: 0 };
    await datapath!.policies.apply({ put: [{ identity: server.identity, digest: '00000000000000ff', ...isolation, entries: [] }] });
    await asked(5);
    const forwarded = toEndpoints(datapath!.counters());
    await asked(20);
    expect(toEndpoints(datapath!.counters())).toBe(forwarded);
  });
});

/** Why packets were dropped. */
function reasons({ dropped }: Counters): readonly number[] {
  return [...new Set(dropped.map(({ reason }) => reason))];
}

/** Packets that went into pods. */
function toEndpoints({ forwarded }: Counters): bigint {
  return forwarded.filter((count) => count.class === 'FORWARD_TO_ENDPOINT').reduce((sum, { packets }) => sum + packets, 0n);
}
