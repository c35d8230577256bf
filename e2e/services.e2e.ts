import { eventually } from '@myelin/service/testing';
import { LabClients, runProbes } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProbes } from './support/expect-probes.ts';
import { app, networkPolicy, node, pod, service } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const nodes = ['node-1', 'node-2'];
const ports = [
  { containerPort: 8080, name: 'http-main' },
  { containerPort: 9053, name: 'dns', protocol: 'UDP' },
] as const;
const server = (name: string, on: string, labels: Record<string, string> = {}) =>
  pod(name, { labels: { app: 'web', ...labels }, ports, spec: { nodeName: on } });
const client = (name: string, on: string) => pod(name, { spec: { nodeName: on } });

let lab: TestLab;
beforeAll(async () => {
  lab = await TestLab.up(
    ...nodes.map((name) => node(name)),
    server('shop/web-1', 'node-1', { solo: 'yes' }),
    server('shop/web-2', 'node-2'),
    client('shop/client-1', 'node-1'),
    client('shop/client-2', 'node-2'),
    service('shop/web', 'web', [
      { name: 'http', port: 80, targetPort: 'http-main' },
      { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
    ]),
    service('shop/solo', null, [{ port: 80, targetPort: 8080 }], { selector: { solo: 'yes' } }),
    service('shop/nobody', 'nobody', [{ port: 80 }]),
    service('shop/by-name', 'web', [{ port: 80 }], { clusterIP: 'None', ipFamilyPolicy: 'SingleStack' }),
  );
});
afterAll(() => lab?.[Symbol.asyncDispose]());

/** Rows of a map in a node's kernel, a line each. */
async function mapOf(map: string, on: string): Promise<readonly string[]> {
  using clients = new LabClients(lab.running);
  const rows: string[] = [];
  for await (const part of clients.agent(on).readMap({ map })) rows.push(...part.rows.map(({ cells }) => cells.join(' ')));
  return rows.sort();
}

/** Backends in a node's kernel, as `address port`, each once. */
const backendsOn = async (on: string) =>
  [...new Set((await mapOf('backends', on)).map((row) => row.split(' ').slice(2, 4).join(' ')))].sort();

/** The same as they should be. */
async function backendsOf(...pods: readonly string[]): Promise<readonly string[]> {
  const { pods: all } = await lab.status();
  const addresses = all.filter(({ name }) => pods.includes(name)).flatMap((one) => one.addresses);
  return addresses.flatMap((address) => [`${address} 8080`, `${address} 9053`]).sort();
}

describe('Services', () => {
  it('have addresses, and the pods that they select behind them, in every kernel when "up" returns', async () => {
    const { services } = await lab.status();
    expect(services.map(({ name, clusterIPs }) => [name, clusterIPs.length])).toEqual([
      ['web', 2],
      ['solo', 2],
      ['nobody', 2],
      ['by-name', 0],
    ]);
    const wanted = await backendsOf('web-1', 'web-2');
    for (const on of nodes) expect(await backendsOn(on), on).toEqual(wanted);
  });

  it('are told by the command line: with every backend, and where nobody answers', async () => {
    const list = await lab.myelin('service', 'list');
    expect(list.stdout.split('\n').map((line) => line.split(/ {3,}/).filter((_, index) => [1, 5].includes(index)))).toEqual([
      ['NAME', 'READY'],
      ['by-name', '-'],
      ['nobody', '0/0'],
      ['solo', '2/2'],
      ['web', '8/8'],
      [],
    ]);
    const { stdout } = await lab.myelin('service', 'describe', 'shop/web');
    for (const row of await backendsOf('web-1', 'web-2')) {
      const [address = '', port] = row.split(' ');
      expect(stdout).toContain(address.includes(':') ? `[${address}]:${port} ` : `${address}:${port} `);
    }
    const rows = JSON.parse((await lab.myelin('bpf', 'backends', 'list', '-o', 'json')).stdout) as readonly Record<string, string>[];
    expect([...new Set(rows.map(({ node: on, address, port }) => `${on} ${address} ${port}`))].sort()).toEqual(
      (await backendsOf('web-1', 'web-2')).flatMap((row) => nodes.map((on) => `${on} ${row}`)).sort(),
    );
    expect(await lab.myelin('service', 'describe', 'shop/unknown')).toMatchObject({
      status: 1,
      stderr: 'myelin: there is no Service shop/unknown\n',
    });
  });

  it.each(['client-1', 'client-2', 'web-1'])('lead %s to pods near and far, over both families, TCP and UDP', async (from) => {
    const kinds = ([4, 6] as const).flatMap((family) => [
      { family, protocol: 'TCP' as const, port: 80 },
      { family, protocol: 'UDP' as const, port: 53 },
    ]);
    // So many that one of two backends is left out once in a million runs.
    const probes = kinds.flatMap((kind) => Array.from({ length: 24 }, () => ({ from: `shop/${from}`, to: 'svc:shop/web', ...kind })));
    const outcomes = await runProbes(lab.running, probes);
    const seen = kinds.map((kind, index) => {
      const answers = outcomes.slice(index * 24, index * 24 + 24).map(({ reply, error }) => reply?.split(' ')[0] ?? `${error}`);
      return [`${kind.protocol} IPv${kind.family}`, [...new Set(answers)].sort()];
    });
    expect(Object.fromEntries(seen)).toEqual(
      Object.fromEntries(kinds.map(({ protocol, family }) => [`${protocol} IPv${family}`, ['shop/web-1', 'shop/web-2']])),
    );
  });

  it('refuse at once where nobody answers; what is no port of theirs, and no other protocol, leads nowhere', async () => {
    await expectProbes(lab, {
      'shop/client-1 -> svc:shop/nobody TCP 80': 'refused',
      'shop/client-2 -> svc:shop/nobody TCP 80': 'refused',
      'shop/client-1 -> svc:shop/web TCP 81': 'timeout',
      'shop/client-1 -> svc:shop/web ICMP': 'timeout',
    });
    const { stdout } = await lab.myelin('monitor', '--verdict', 'DROPPED', '--last', '100', '--no-follow');
    expect(stdout).toMatch(/shop\/client-1 .*Service shop\/nobody .*:80 .*service backend not found/);
    expect(stdout).toMatch(/shop\/client-1 .*Service shop\/web .*:81 .*is a clusterip/);
    // The last few, where nothing says how many.
    expect((await lab.myelin('monitor', '--no-follow')).stdout).toContain('shop/client-1');
  });

  it('stand behind policy: egress is about the backend and its port, ingress about the client', async () => {
    const to = (port: number, protocol = 'TCP') => [{ to: [{ podSelector: app('web') }], ports: [{ port, protocol }] }];
    const out = networkPolicy('shop/out', { podSelector: app('client-1'), policyTypes: ['Egress'], egress: to(8080) });
    const into = networkPolicy('shop/into', {
      podSelector: { matchLabels: { solo: 'yes' } },
      ingress: [{ from: [{ podSelector: app('client-1') }] }],
    });
    await lab.apply(out, into);
    await expectProbes(lab, {
      'shop/client-1 -> svc:shop/web TCP 80': 'reply',
      'shop/client-1 -> svc:shop/web UDP 53': 'timeout',
      'shop/client-1 -> svc:shop/solo TCP 80': 'reply',
      'shop/client-2 -> svc:shop/solo TCP 80': 'timeout',
    });
    await lab.delete(out, into);
  });

  it('D9: keep their connections and their numbers while an agent is killed and another one starts', async () => {
    const read = () => Promise.all(['frontends', 'pools', 'backends'].map((name) => mapOf(name, 'node-1')));
    const before = await read();
    const kinds = [
      ['TCP', 80],
      ['UDP', 53],
    ] as const;
    const talks = kinds.flatMap(([protocol, port]) =>
      ([4, 6] as const).map((family) => lab.talk('shop/client-1', 'svc:shop/web', protocol, port, family)),
    );
    await Promise.all(talks.map((talk) => talk.flows(10, 10_000)));
    await lab.must('fault', 'kill', 'node-agent:node-1');
    await lab.must('fault', 'start', 'node-agent:node-1');
    expect(await read()).toEqual(before);
    expect(await Promise.all(talks.map((talk) => talk.finish()))).toEqual(talks.map(() => null));
    for (const talk of talks) await talk[Symbol.asyncDispose]();
  });

  it('reset what a removed backend had, though its process lives on, and nothing else', async () => {
    await using removed = lab.talk('shop/client-2', 'svc:shop/solo', 'TCP', 80, 4);
    await using other = lab.talk('shop/client-2', 'shop/web-1', 'TCP', 8080, 4);
    await Promise.all([removed.flows(10, 10_000), other.flows(10, 10_000)]);
    // No longer one of the Service's pods.
    await lab.apply(server('shop/web-1', 'node-1'));
    await other.flows(10, 10_000);
    await expect(eventually(() => removed.ended?.error)).resolves.toBe('refused');
    expect(await other.finish()).toBeNull();
    await expectProbes(lab, { 'shop/client-2 -> svc:shop/solo TCP 80': 'refused' });
  });

  it('follow their pods: what is deleted is in no kernel when that returns, what is added in all', async () => {
    await lab.delete(server('shop/web-1', 'node-1'));
    const left = await backendsOf('web-2');
    for (const on of nodes) expect(await backendsOn(on), on).toEqual(left);
    await lab.apply(server('shop/web-3', 'node-1'));
    const wanted = await backendsOf('web-2', 'web-3');
    for (const on of nodes) expect(await backendsOn(on), on).toEqual(wanted);
  });

  it('keep their addresses when they are applied again, and leave nothing behind when they go', async () => {
    const web = service('shop/web', 'web', [{ name: 'http', port: 81, targetPort: 'http-main' }]);
    const addressesOf = async () => (await lab.status()).services.find(({ name }) => name === 'web')!.clusterIPs;
    const before = await addressesOf();
    await lab.apply(web);
    expect(await addressesOf()).toEqual(before);
    for (const on of nodes) {
      const ported = (await mapOf('frontends', on)).filter((row) => before.some((address) => row.startsWith(`${address} `)));
      expect(ported.map((row) => row.split(' ')[1]).sort(), on).toEqual(['0', '0', '81', '81']);
    }
    await lab.delete(web, service('shop/nobody', 'nobody', [{ port: 80 }]), service('shop/solo', null, [{ port: 80 }]));
    for (const on of nodes) for (const name of ['frontends', 'pools', 'backends']) expect(await mapOf(name, on), name).toEqual([]);
  });
});
