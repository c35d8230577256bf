import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { attachFilter, BpfObject, interfaceIndex } from '@myelin/bpf-native';
import type { Family } from '../packets/talk.ts';
import { identities } from './cast.ts';
import { Namespaces, type Ran, run } from './namespaces.ts';
import { type Pod, Tables } from './tables.ts';

const talker = join(import.meta.dirname, 'talker.mjs');

/** Our place among clsact filters. */
const place = { handle: 1, priority: 1 } as const;

/** A pod with a namespace of its own. */
export interface Placed extends Pod {
  readonly namespace: string;
}

/** The programs on real interfaces of this network namespace, pods behind them, real sockets at the ends. */
export class RealPods {
  readonly namespaces = new Namespaces();
  readonly object: BpfObject;
  readonly tables: Tables;
  readonly #links: string[] = [];
  readonly #servers: ChildProcess[] = [];

  private constructor(object: BpfObject) {
    this.object = object;
    this.tables = new Tables(object);
    this.tables.setPrefix('0.0.0.0/0', identities.world4);
    this.tables.setPrefix('::/0', identities.world6);
  }

  static async load(): Promise<RealPods> {
    const object = BpfObject.open(join(import.meta.dirname, '..', '..', 'build', 'pod.o'));
    await object.load();
    return new RealPods(object);
  }

  /** Runs `ip link add <a name> <words…>` here; the link's name and index. It goes with `close`. */
  addLink(letter: string, ...words: readonly string[]): { readonly name: string; readonly ifindex: number } {
    const name = `mb${process.pid}${letter}`;
    run('ip', 'link', 'add', name, ...words);
    this.#links.push(name);
    const ifindex = interfaceIndex(name);
    if (ifindex === null) throw new Error(`there is no interface ${name}`);
    return { name, ifindex };
  }

  /** Makes the pod's namespace and veth pair as the agent does: gateway of no machine, neighbours fixed on both sides where somebody would ask. */
  async place(pod: Pod, name: string): Promise<Placed> {
    const namespace = this.namespaces.make(name);
    const peer = ['peer', 'name', 'eth0', 'address', pod.mac, 'netns', namespace];
    const link = this.addLink(name.at(0)!, 'address', pod.nodeMac, 'type', 'veth', ...peer);
    const within = (...args: readonly string[]) => run('ip', '-n', namespace, ...args);
    within('address', 'add', `${pod.ipv4}/32`, 'dev', 'eth0');
    within('-6', 'address', 'add', `${pod.ipv6}/128`, 'dev', 'eth0', 'nodad');
    const placed = { ...pod, namespace, ifindex: link.ifindex };
    this.tables.attach(link.ifindex, pod.slot);
    this.tables.addPod(placed);
    this.tables.policies.set(pod.subject, {});
    await this.attach('from_pod', link.ifindex, 'ingress');
    await this.attach('to_pod', link.ifindex, 'egress');
    run('ip', 'link', 'set', link.name, 'up');
    within('link', 'set', 'eth0', 'up');
    within('route', 'add', '169.254.1.1', 'dev', 'eth0', 'scope', 'link');
    within('route', 'add', 'default', 'via', '169.254.1.1', 'dev', 'eth0', 'src', pod.ipv4);
    within('-6', 'route', 'add', 'default', 'via', 'fe80::1', 'dev', 'eth0');
    return placed;
  }

  attach(program: string, ifindex: number, direction: 'ingress' | 'egress'): Promise<void> {
    return attachFilter(this.object.program(program), { ifindex, direction }, place);
  }

  /** Asks a test server; status 0 and its answer, 2: none came, 3: refused. */
  ask(from: string, protocol: 'tcp' | 'udp', address: string, port: number): Promise<Ran> {
    return this.namespaces.exec(from, process.execPath, [talker, 'ask', protocol, address, String(port)]);
  }

  ping(from: string, address: string): Promise<Ran> {
    const family = address.includes(':') ? '-6' : '-4';
    return this.namespaces.exec(from, 'ping', [family, '-c', '3', '-i', '0.05', '-W', '2', address]);
  }

  /** A test server in a namespace; resolves when it listens. */
  serve(namespace: string, family: Family, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, talker, 'serve', String(family), String(port)]);
      this.#servers.push(child);
      child.stdout.once('data', () => resolve());
      child.once('error', reject);
      child.once('exit', (status) => reject(new Error(`the server ended with ${status}`)));
    });
  }

  close(): void {
    for (const child of this.#servers) {
      child.removeAllListeners('exit');
      child.kill();
    }
    for (const link of this.#links) run('ip', 'link', 'delete', link);
    this.namespaces.close();
    this.object.close();
  }
}
