import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { whereIs } from '@myelin/tool-lab';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { app, namespace, networkPolicy, pod } from './support/manifests.ts';
import { startAt } from './support/place-process.ts';
import { sleep, TestLab } from './support/test-lab.ts';

const control = '169.254.7.1';
const services = [7001, 7002, 7003, 7004].map((port) => `${control}:${port}`);
const [nats, redis] = [`${control}:4222`, `${control}:6379`];
const metrics = [8001, 8002, 8003, 8004].map((port) => `${control}:${port}`);

let lab: TestLab;
beforeAll(async () => {
  lab = await TestLab.up(namespace('red'), pod('red/client'), pod('red/server'), pod('red/on-node', { spec: { hostNetwork: true } }));
});
afterAll(() => lab?.[Symbol.asyncDispose]());

type Heard = Readonly<Record<string, { readonly plain: string; readonly tls: string }>>;

async function knock(place: string, ...targets: readonly string[]): Promise<Heard> {
  await using knocking = startAt(lab, place, process.execPath, join(import.meta.dirname, 'support', 'knock.mjs'), ...targets);
  return JSON.parse(await knocking.output) as Heard;
}

it('a pod reaches no port of the control plane', async () => {
  const heard = await knock('red/client', ...services, nats!, redis!, ...metrics);
  for (const { plain, tls } of Object.values(heard))
    expect([plain, tls]).toEqual([expect.stringContaining('no connection'), expect.stringContaining('no connection')]);
});

it('whoever does, from a node or a pod in its network, gets nothing without a certificate or a password', async () => {
  for (const place of ['node:node-1', 'red/on-node']) {
    const heard = await knock(place, ...services, nats!, redis!, ...metrics);
    for (const service of services) {
      // At most an alert of TLS: one record of type 21, seven bytes.
      const said = [...heard[service]!.plain].map((character) => character.charCodeAt(0));
      expect([said.length, said[0]], service).toEqual(said.length === 0 ? [0, undefined] : [7, 21]);
      expect(heard[service]!.tls, service).toBe('');
    }
    // The greeting comes before TLS in NATS 2.9; then an error, or nothing.
    expect(heard[nats!]!.plain).toMatch(/^INFO \{[^\r]*"tls_required":true[^\r]*\} *\r\n(-ERR [^\r]*\r\n)?$/);
    expect(heard[nats!]!.tls).toContain('no connection');
    expect(heard[redis!]!.plain.replaceAll(/-(NOAUTH|ERR) [^\r]*\r\n/g, '')).toBe('');
    expect(heard[redis!]!.tls).toContain('no connection');
    for (const port of metrics)
      expect(heard[port], port).toEqual({ plain: 'no connection: ECONNREFUSED', tls: 'no connection: ECONNREFUSED' });
  }
});

it('keys and passwords are readable by root alone, and stand neither on a command line nor in a log', () => {
  const { paths } = lab.running;
  expect(statSync(paths.credentials).mode & 0o777).toBe(0o700);
  const secrets = readdirSync(paths.credentials).map((name) => join(paths.credentials, name));
  for (const file of [...secrets, join(paths.redis, 'users.acl')]) expect(statSync(file).mode & 0o777, file).toBe(0o600);
  const passwords = secrets.filter((file) => file.endsWith('.password')).map((file) => readFileSync(file, 'utf8'));
  expect(passwords).toHaveLength(5);
  const pids = readFileSync(join(whereIs(lab.running, { kind: 'control' }).cgroup, 'cgroup.procs'), 'utf8')
    .trim()
    .split('\n');
  expect(pids.length).toBeGreaterThanOrEqual(5);
  const seen = [
    ...pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')),
    ...readdirSync(paths.logs).map((name) => readFileSync(join(paths.logs, name), 'latin1')),
  ].join('\n');
  for (const password of passwords) expect(seen).not.toContain(password);
});

it('certificates rotate under traffic: nothing is cut, what comes later uses the new ones', async () => {
  const { paths } = lab.running;
  const pids = () => JSON.stringify([lab.running.state.processes, lab.running.state.nodes.map(({ agent }) => agent)]);
  const before = pids();
  const certificate = () =>
    createHash('sha256')
      .update(readFileSync(join(paths.credentials, 'node-agent.node-1.pem')))
      .digest('hex');
  const old = certificate();
  const talk = lab.talk('red/client', 'red/server', 'TCP', 80, 4);
  await talk.flows();
  await lab.must('rotate');
  expect(certificate()).not.toBe(old);
  // The processes look every 2 s; each says that it has found them.
  const found = () =>
    readdirSync(paths.logs).filter((name) => readFileSync(join(paths.logs, name), 'utf8').includes('new certificates in use'));
  for (let tries = 0; found().length < 5 && tries < 100; tries += 1) await sleep(100);
  expect(found().sort()).toEqual([
    'identity-allocator.log',
    'ipam.log',
    'lb-controller.log',
    'node-agent.node-1.log',
    'policy-compiler.log',
  ]);
  // Standing streams go on.
  await lab.apply(networkPolicy('red/server', { podSelector: app('server'), ingress: [{ from: [{ podSelector: app('client') }] }] }));
  const logs = readdirSync(paths.logs)
    .map((name) => readFileSync(join(paths.logs, name), 'utf8'))
    .join('\n');
  expect(logs).not.toMatch(/policy subscription broken|lost the connection to NATS|new certificates refused/);
  // Everything that is started again, and everything that comes to it again, meets by the new ones.
  for (const process of ['nats', 'policy-compiler']) {
    await lab.must('fault', 'kill', process);
    await lab.must('fault', 'start', process);
  }
  await lab.apply(networkPolicy('red/server', { podSelector: app('server'), ingress: [] }), pod('red/late'));
  expect((await lab.probe({ from: 'red/late', to: 'red/server', protocol: 'TCP', port: 80 }))[0]).toMatchObject({ ok: false });
  await talk[Symbol.asyncDispose]();
  const { processes } = lab.running.state;
  expect([processes.ipam, lab.running.state.nodes[0]!.agent]).toEqual([JSON.parse(before)[0].ipam, JSON.parse(before)[1][0]]);
});
