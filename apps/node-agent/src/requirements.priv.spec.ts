import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { mountBpfFileSystem, unmountBpfFileSystem } from '@myelin/bpf-native';
import { buildBundle } from '@myelin/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/*
 * The agent's bundle on a machine that lacks something, each lack made for real: one message that says what and how to mend it, and nothing is changed.
 */

let bundle: string;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'myelin-needs-'));
  // Where nobody may look for the files beside it, as access(2) does, whatever else he may.
  const built = buildBundle('node-agent');
  cpSync(dirname(built), join(folder, 'dist'), { recursive: true });
  bundle = join(folder, 'dist', basename(built));
  // Whoever the agent is run as may write here: what it doesn't change, it leaves alone of its own will.
  chmodSync(folder, 0o777);
  mkdirSync(join(folder, 'bpf'));
  mountBpfFileSystem(join(folder, 'bpf'));
}, 30_000);
afterAll(() => {
  unmountBpfFileSystem(join(folder, 'bpf'));
  rmSync(folder, { recursive: true });
});

const bpffs = () => join(folder, 'bpf', 'n');
const nowhere = '127.0.0.1:1';
const agent = (options: Readonly<Record<string, string>> = {}) => {
  const own = {
    ...{ node: 'n', 'node-uid': 'u', address: '192.0.2.1', 'metrics-listen': '127.0.0.1:0', socket: join(folder, 'agent.sock') },
    ...{ identity: nowhere, policy: nowhere, ipam: nowhere, nats: `nats://${nowhere}`, bpffs: bpffs(), 'state-dir': join(folder, 'state') },
    ...options,
  };
  return [process.execPath, bundle, '--insecure', ...Object.entries(own).flatMap(([name, value]) => [`--${name}`, value])];
};

/** What could have been changed: files, pins, and the settings of a network namespace that nobody else has. */
function traces(): string {
  return JSON.stringify([readdirSync(folder), readdirSync(join(folder, 'bpf')), readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')]);
}

/** Runs the agent in a network namespace of its own with a command before it; its only message, and its exit code. */
function refusal(before: readonly string[], options: Readonly<Record<string, string>> = {}, environment = process.env) {
  const [command, ...words] = ['/usr/bin/unshare', '--net', ...before, ...agent(options)];
  const untouched = traces();
  const { status, stderr } = spawnSync(command!, words, { encoding: 'utf8', env: environment, timeout: 20_000 });
  expect(traces()).toBe(untouched);
  const messages = stderr.trim().split('\n');
  expect(messages).toHaveLength(1);
  return { status, reason: (JSON.parse(messages[0]!) as { reason: string }).reason };
}

describe('an agent', () => {
  it('that is not root says so', () => {
    // Nobody, and yet allowed to run what root has put where nobody else looks.
    const reader = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
    expect(refusal(['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...reader])).toEqual({
      status: 1,
      reason: "this node can't run:\n  - not root: BPF programs and network namespaces need it",
    });
  });

  it('that is root in name only names the capabilities that are missing', () => {
    expect(refusal(['/usr/bin/setpriv', '--bounding-set=-net_admin,-sys_admin', '--inh-caps=-net_admin,-sys_admin'])).toEqual({
      status: 1,
      reason: "this node can't run:\n  - root without CAP_NET_ADMIN and CAP_SYS_ADMIN: run it outside of an unprivileged container",
    });
  });

  it('names every program that is missing and its package', () => {
    const { status, reason } = refusal([], {}, { ...process.env, PATH: '/nowhere' });
    expect(status).toBe(1);
    for (const line of ['ip is not there: install the package iproute2', 'nft is not there: install the package nftables'])
      expect(reason).toContain(line);
  });

  it('says how to mount a BPF file system where there is none, and makes no folder', () => {
    const other = join(folder, 'elsewhere', 'n');
    expect(refusal([], { bpffs: other })).toEqual({
      status: 1,
      reason: `this node can't run:\n  - ${other} is on no BPF file system: mount one there (mount -t bpf bpf ${other}) that outlives the agent`,
    });
  });

  it('does not touch the tables of one that runs', async () => {
    const socket = join(folder, 'live.sock');
    const holder = createServer().listen(socket);
    await once(holder, 'listening');
    // The holder lives in this process: it must be free to answer while the agent asks.
    const untouched = readdirSync(join(folder, 'bpf'));
    const [command, ...words] = agent({ socket });
    const child = spawn('/usr/bin/unshare', ['--net', command!, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [status] = (await once(child, 'close')) as [number];
    expect({ status, reason: (JSON.parse(said) as { reason: string }).reason }).toEqual({
      status: 1,
      reason: `this node can't run:\n  - another agent listens on ${socket}: stop it first`,
    });
    expect(readdirSync(join(folder, 'bpf'))).toEqual(untouched);
    holder.close();
  });

  it('says which port is taken', async () => {
    // In a namespace of its own: a process that holds the port, and the agent.
    const hold = "const s = require('net').createServer().listen(9090, '127.0.0.1', () => console.log('up'))";
    const words = agent({ 'metrics-listen': '127.0.0.1:9090' })
      .map((word) => `'${word}'`)
      .join(' ');
    const script = `ip link set lo up; '${process.execPath}' -e "${hold}" > '${folder}/up' & until [ -s '${folder}/up' ]; do sleep 0.05; done; ${words}; code=$?; kill $!; rm '${folder}/up'; exit $code`;
    const untouched = traces();
    const { status, stderr } = spawnSync('/usr/bin/unshare', ['--net', '/bin/sh', '-c', script], { encoding: 'utf8', timeout: 20_000 });
    expect(status).toBe(1);
    expect(stderr).toContain("can't listen on 127.0.0.1:9090 for metrics (EADDRINUSE): choose another --metrics-listen");
    expect(traces()).toBe(untouched);
  });

  it('tells all that is wrong with its options at once', () => {
    const [command, ...words] = agent({ address: 'x', 'table-sizes': 'subjects=3', mtu: '20' });
    const { status, stderr } = spawnSync(command!, words, { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/--address is "x": expected IP addresses/);
    expect(stderr).toMatch(/--mtu is "20": expected 0, or/);
    expect(stderr).toMatch(/--table-sizes is "subjects=3": expected table=entries, of the tables addresses_v4 /);
  });
});
