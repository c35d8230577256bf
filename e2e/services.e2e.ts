import { LabClients } from '@myelin/tool-lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node, pod, service } from './support/manifests.ts';
import { TestLab } from './support/test-lab.ts';

const nodes = ['node-1', 'node-2'];
const ports = [
  { containerPort: 8080, name: 'http-main' },
  { containerPort: 9053, name: 'dns', protocol: 'UDP' },
] as const;
const server = (name: string, on: string) => pod(name, { labels: { app: 'web' }, ports, spec: { nodeName: on } });
const client = (name: string, on: string) => pod(name, { spec: { nodeName: on } });

let lab: TestLab;
beforeAll(async () => {
  lab = await TestLab.up(
    ...nodes.map((name) => node(name)),
    server('shop/web-1', 'node-1'),
    server('shop/web-2', 'node-2'),
    client('shop/client-1', 'node-1'),
    client('shop/client-2', 'node-2'),
    service('shop/web', 'web', [
      { name: 'http', port: 80, targetPort: 'http-main' },
      { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
    ]),
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

/** Backends in a node's kernel, as `address port`: one for each port that it serves. */
const backendsOn = async (on: string) => (await mapOf('backends', on)).map((row) => row.split(' ').slice(2, 4).join(' ')).sort();

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
      ['web', '8/8'],
      [],
    ]);
    const { stdout } = await lab.myelin('service', 'describe', 'shop/web');
    for (const row of await backendsOf('web-1', 'web-2')) {
      const [address = '', port] = row.split(' ');
      expect(stdout).toContain(address.includes(':') ? `[${address}]:${port} ` : `${address}:${port} `);
    }
    const rows = JSON.parse((await lab.myelin('bpf', 'backends', 'list', '-o', 'json')).stdout) as readonly Record<string, string>[];
    expect(rows.map(({ node: on, address, port }) => `${on} ${address} ${port}`).sort()).toEqual(
      (await backendsOf('web-1', 'web-2')).flatMap((row) => nodes.map((on) => `${on} ${row}`)).sort(),
    );
    expect(await lab.myelin('service', 'describe', 'shop/unknown')).toMatchObject({
      status: 1,
      stderr: 'myelin: there is no Service shop/unknown\n',
    });
  });

  it('D9: an agent that is started again goes on with the numbers of before', async () => {
    const read = () => Promise.all(['frontends', 'pools', 'backends'].map((name) => mapOf(name, 'node-1')));
    const before = await read();
    await lab.must('fault', 'kill', 'node-agent:node-1');
    await lab.must('fault', 'start', 'node-agent:node-1');
    expect(await read()).toEqual(before);
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
    await lab.delete(web, service('shop/nobody', 'nobody', [{ port: 80 }]));
    for (const on of nodes) for (const name of ['frontends', 'pools', 'backends']) expect(await mapOf(name, on), name).toEqual([]);
  });
});
