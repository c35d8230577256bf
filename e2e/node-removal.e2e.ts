import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupRoot, LabClients } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { leftovers } from './support/leftovers.ts';
import { namespace, node, pod } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const on = (name: string, spec: object = {}) => ({ spec: { nodeName: name, ...spec } });
const south = [
  node('south', ['10.99.0.7']),
  pod('red/server', on('south')),
  pod('red/on-host', { ports: [8090], ...on('south', { hostNetwork: true }) }),
];

let lab: TestLab;
beforeAll(async () => {
  lab = await TestLab.up(namespace('red'), node('north'), pod('red/client', on('north')), pod('red/neighbour', on('north')));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

const filesIn = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

/** All that there is of the lab: processes, namespaces, mounts; cgroups, pins, sockets, agents' files; links, routes and rules of the fabric. */
async function traces(): Promise<Readonly<Record<string, unknown>>> {
  const { paths, cgroups, id } = lab.running;
  const script = "ip -o link | cut -d: -f2 | cut -d@ -f1; ip route; ip -6 route | grep -v '^fe80'; nft list ruleset";
  return {
    fabric: (await lab.must('exec', 'fabric', '--', 'sh', '-c', script)).stdout,
    rest: leftovers(lab.config),
    cgroups: filesIn(join(cgroups, cgroupRoot(id))).filter((file) => file.endsWith('cgroup.procs')),
    pins: filesIn(paths.bpf),
    sockets: filesIn(paths.run),
    agents: filesIn(join(paths.root, 'agents')).filter((file) => !file.includes('/')),
  };
}

describe('a node that is deleted', () => {
  it('leaves nothing behind with its pods, and what other nodes do goes on meanwhile', async () => {
    const before = await traces();
    const talks = ([4, 6] as const).map((family) => lab.talk('red/client', 'red/neighbour', 'TCP', 80, family));
    try {
      await lab.apply(...south);
      await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'red/client -> red/on-host TCP 8090': 'reply' });
      await lab.must('fault', 'partition', 'south', 'outside');
      await lab.must('fault', 'loss', 'south', '1');
      const { stderr } = await lab.must('delete', '-f', lab.file([south[0]!]));
      expect(stderr).toContain('deleted Node south; its addresses and its pod ranges are free');
      expect(stderr).toContain('deleted Pod red/server, Pod red/on-host');
      await Promise.all(talks.map((talk) => talk.flows()));
      expect(talks.flatMap(({ ended }) => ended ?? [])).toEqual([]);
    } finally {
      await Promise.all(talks.map((talk) => talk[Symbol.asyncDispose]()));
    }
    expect(await traces()).toEqual(before);
    const { nodes, pods } = await lab.status();
    expect([nodes, pods].map((all) => all.map(({ name }) => name))).toEqual([['north'], ['client', 'neighbour']]);
    await expectProbes(lab, { 'red/client -> red/neighbour TCP 80': 'reply', 'red/client -> outside TCP 80': 'reply' });
  });

  it('gives its addresses, its ranges and its registration back, and finds others when it comes back (C1)', async () => {
    using clients = new LabClients(lab.running);
    const registered = async () => (await clients.ipam().listBlocks({})).nodes.map(({ node: name }) => name);
    expect(await registered()).toEqual(['north']);
    await expect(clients.identity().whoIs({ address: '10.99.0.7' })).resolves.toMatchObject({ node: '' });
    await lab.apply(node('west', ['10.99.0.7']), pod('red/west', on('west')));
    const stolen = await lab.run('apply', '-f', lab.file([south[0]!]));
    expect([stolen.status, stolen.stderr]).toEqual([1, expect.stringContaining('10.99.0.7 is an address of node west')]);
    await lab.apply(node('south'), ...south.slice(1));
    await expectProbes(lab, {
      'red/client -> red/west TCP 80': 'reply',
      'red/client -> red/server TCP 80': 'reply',
      'red/west -> red/server TCP 80': 'reply',
    });
    expect(await registered()).toEqual(['north', 'south', 'west']);
  });

  it('may have lost its agent before, and is passed over when it is gone', async () => {
    await lab.must('fault', 'kill', 'node-agent:west');
    const file = lab.file([node('west')]);
    const { addresses } = lab.running.state.pods.find(({ manifest }) => manifest.name === 'west')!;
    expect((await lab.must('delete', '-f', file)).stderr).toContain('deleted Node west; its addresses and its pod ranges are free');
    using clients = new LabClients(lab.running);
    for (const address of addresses) expect(await clients.identity().whoIs({ address })).toMatchObject({ node: '', name: '' });
    expect((await lab.must('delete', '-f', file)).stderr).toContain("Node west isn't there");
  });

  it('though its agent lives registers anew, and claims all that it had: the same numbers and addresses (C1)', async () => {
    using clients = new LabClients(lab.running);
    const what = async () => {
      const { endpoints } = await clients.agent('north').listEndpoints({});
      return endpoints.map(({ spec, identity, addresses }) => [spec!.name, identity, ...addresses]).sort();
    };
    const before = await what();
    await clients.identity().removeNode({ name: 'north' });
    const known = async () =>
      (await Promise.all(before.map(([, , address]) => clients.identity().whoIs({ address: `${address}` })))).map(({ name }) => name);
    expect(await known()).toEqual(before.map(() => ''));
    await expect.poll(known, { timeout: 20_000 }).toEqual(before.map(([name]) => name));
    expect(await what()).toEqual(before);
    await expect
      .poll(async () => (await lab.status()).pods.map(({ state }) => state).join(' '), { timeout: 20_000 })
      .toMatch(/^ready( ready)*$/);
    await lab.apply(pod('red/late', on('north')));
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply', 'red/server -> red/late TCP 80': 'reply' });
  });

  it('can’t be the last one', async () => {
    const { status, stderr } = await lab.run('delete', '-f', lab.file([node('north'), node('south')]));
    expect([status, stderr]).toEqual([1, expect.stringContaining('nothing was changed: a lab has at least one node')]);
    await expectProbes(lab, { 'red/client -> red/server TCP 80': 'reply' });
  });
});
