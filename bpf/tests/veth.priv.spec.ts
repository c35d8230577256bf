import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { attachFilter, BpfObject, interfaceIndex } from '@myelin/bpf-native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { client, identities, server } from './kernel/cast.ts';
import { Namespaces, run } from './kernel/namespaces.ts';
import { type Pod, Tables } from './kernel/tables.ts';
import { families } from './packets/talk.ts';

// Two pods in namespaces of their own, the programs on real veth pairs in this namespace, real sockets at both ends.

const talker = join(import.meta.dirname, 'kernel', 'talker.mjs');
const namespaces = new Namespaces();
const links: string[] = [];
const servers: ChildProcess[] = [];
let object: BpfObject;
let tables: Tables;
let pods: { readonly client: Placed; readonly server: Placed };

interface Placed extends Pod {
  readonly namespace: string;
}

/** Makes the pod's namespace and veth pair as the agent does: gateway of no machine, neighbours fixed on both sides where somebody would ask. */
async function place(pod: Pod, name: string): Promise<Placed> {
  const namespace = namespaces.make(name);
  const link = `mb${process.pid}${name.at(0)}`;
  run('ip', 'link', 'add', link, 'address', pod.nodeMac, 'type', 'veth', 'peer', 'name', 'eth0', 'address', pod.mac, 'netns', namespace);
  links.push(link);
  const within = (...args: readonly string[]) => run('ip', '-n', namespace, ...args);
  within('address', 'add', `${pod.ipv4}/32`, 'dev', 'eth0');
  within('-6', 'address', 'add', `${pod.ipv6}/128`, 'dev', 'eth0', 'nodad');
  const ifindex = interfaceIndex(link);
  if (ifindex === null) throw new Error(`there is no interface ${link}`);
  const placed = { ...pod, namespace, ifindex };
  tables.attach(ifindex, pod.slot);
  tables.addPod(placed);
  tables.policies.set(pod.subject, {});
  for (const [program, direction] of [
    ['from_pod', 'ingress'],
    ['to_pod', 'egress'],
  ] as const) {
    await attachFilter(object.program(program), { ifindex, direction }, { handle: 1, priority: 1 });
  }
  run('ip', 'link', 'set', link, 'up');
  within('link', 'set', 'eth0', 'up');
  within('route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link');
  within('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'src', pod.ipv4);
  within('-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0');
  return placed;
}

function ask(from: Placed, protocol: 'tcp' | 'udp', address: string, port = 8080) {
  return namespaces.exec(from.namespace, process.execPath, [talker, 'ask', protocol, address, String(port)]);
}

/** A test server in the pod; resolves when it listens. */
function serve(pod: Placed, family: number, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=/run/netns/${pod.namespace}`, process.execPath, talker, 'serve', String(family), String(port)]);
    servers.push(child);
    child.stdout.once('data', () => resolve());
    child.once('error', reject);
    child.once('exit', (status) => reject(new Error(`the server ended with ${status}`)));
  });
}

beforeAll(async () => {
  object = BpfObject.open(join(import.meta.dirname, '..', 'build', 'pod.o'));
  await object.load();
  tables = new Tables(object);
  tables.setPrefix('0.0.0.0/0', identities.world4);
  tables.setPrefix('::/0', identities.world6);
  pods = { client: await place(client, 'client'), server: await place(server, 'server') };
  await Promise.all([serve(pods.server, 4, 8080), serve(pods.server, 6, 8086)]);
});

afterAll(() => {
  for (const child of servers) {
    child.removeAllListeners('exit');
    child.kill();
  }
  for (const link of links) run('ip', 'link', 'delete', link);
  namespaces.close();
  object?.close();
});

describe.each(families)('two pods on real interfaces, IPv%i', (family) => {
  const address = family === 4 ? server.ipv4 : server.ipv6;
  const port = family === 4 ? 8080 : 8086;

  it("find their gateway and answer each other's pings", async () => {
    const { status, output } = await namespaces.exec(pods.client.namespace, 'ping', [
      `-${family}`,
      '-c',
      '3',
      '-i',
      '0.05',
      '-W',
      '2',
      address,
    ]);
    expect(output).toContain('3 received');
    expect(status).toBe(0);
  });

  it('hold a TCP conversation', async () => {
    expect(await ask(pods.client, 'tcp', address, port)).toEqual({ status: 0, output: 'tcp hello' });
  });

  it('exchange datagrams', async () => {
    expect(await ask(pods.client, 'udp', address, port)).toEqual({ status: 0, output: 'udp hello' });
  });

  it('are told at once that nobody listens: errors and resets of their flows come back', async () => {
    expect((await ask(pods.client, 'tcp', address, 9)).status).toBe(3);
    const { output } = await namespaces.exec(pods.client.namespace, process.execPath, ['-e', connectedDatagram(address)]);
    expect(output).toContain('ECONNREFUSED');
  });

  it('do not reach each other when policy forbids it, and do again when it permits it', async () => {
    tables.policies.set(server.subject, { ingressDefault: 1, entries: [{ direction: 'ingress', peer: 'any', protocol: 17, origin: 2 }] });
    expect((await ask(pods.client, 'tcp', address, port)).status).toBe(2);
    expect(await ask(pods.client, 'udp', address, port)).toEqual({ status: 0, output: 'udp hello' });
    tables.policies.set(server.subject, {});
    expect(await ask(pods.client, 'tcp', address, port)).toEqual({ status: 0, output: 'tcp hello' });
  });
});

/** Node's datagram sockets are told of errors only when connected. */
function connectedDatagram(address: string): string {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  return `const s=require('node:dgram').createSocket('${type}');s.on('error',e=>{console.log(e.code);process.exit(0)});s.connect(9,'${address}',()=>{s.send('x');setTimeout(()=>process.exit(1),1000)})`;
}
