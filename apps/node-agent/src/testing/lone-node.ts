import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mountBpfFileSystem, unmountBpfFileSystem } from '@myelin/bpf-native';
import { AgentServiceService, type EndpointSpec } from '@myelin/contracts/agent';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { PolicyServiceService } from '@myelin/contracts/policy';
import { Channel, clientOf, parseTarget, type RpcClient } from '@myelin/rpc';
import { buildBundle, eventually } from '@myelin/service/testing';
import type { TalkerAnswer, TalkerQuestion } from './talker.ts';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const services = ['identity-allocator', 'ipam', 'policy-compiler', 'lb-controller'] as const;
const ports = { 'identity-allocator': 7001, ipam: 7002, 'policy-compiler': 7003, 'lb-controller': 7004 } as const;
/** Run in the node's namespace, where the agent serves its metrics. */
const readMetrics = "fetch('http://127.0.0.1:9090/metrics').then((answer) => answer.text()).then((text) => process.stdout.write(text))";

/** Addresses of the node, on a pair whose other end lies in the outside namespace. */
export const addresses = { node: ['192.0.2.1', '2001:db8::1'], outside: ['192.0.2.9', '2001:db8::9'] } as const;

/** A pod's process: question in, answer out. */
export class Talker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: string) => void>();
  #last = 0;

  constructor(netns: string) {
    this.#child = spawn('nsenter', [`--net=${netns}`, '--', process.execPath, join(import.meta.dirname, 'talker.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const { id, answer } = JSON.parse(line) as TalkerAnswer;
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  listen(port: number): Promise<string> {
    return this.#ask((id) => ({ id, kind: 'listen', port }));
  }

  /** Opens a connection and has a byte echoed. */
  async open(host: string, port: number): Promise<{ readonly answer: string; readonly talk: () => Promise<string> }> {
    let connection = 0;
    const answer = await this.#ask((id) => {
      connection = id;
      return { id, kind: 'open', host, port };
    });
    return { answer, talk: () => this.#ask((id) => ({ id, kind: 'talk', connection })) };
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.stdin!.end();
    await exited;
  }

  #ask(question: (id: number) => TalkerQuestion): Promise<string> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin!.write(`${JSON.stringify(question(id))}\n`);
    });
  }
}

/** One node with the whole control plane in its own network namespace: real Redis, NATS, services and agent, each the process that is shipped. */
export class LoneNode {
  readonly #prefix = `mna${process.pid}`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'myelin-agent-'));
  readonly #processes: ChildProcess[] = [];
  readonly #talkers: Talker[] = [];
  readonly #namespaces: string[] = [];
  readonly #channels: Channel[] = [];
  #agent: ChildProcess | null = null;

  /** Everything but the agent runs when this resolves. */
  static async create(): Promise<LoneNode> {
    const node = new LoneNode();
    node.#addNamespaces();
    mkdirSync(node.#path('bpf'));
    mountBpfFileSystem(node.#path('bpf'));
    for (const app of [...services, 'node-agent']) buildBundle(app);
    await node.#startControlPlane();
    return node;
  }

  get stateFolder(): string {
    return this.#path('state');
  }

  agent(): RpcClient<typeof AgentServiceService> {
    return clientOf(AgentServiceService, this.#open('node-agent', this.#path('agent.sock')), 20_000);
  }

  identities(): RpcClient<typeof IdentityServiceService> {
    return clientOf(IdentityServiceService, this.#open('identity-allocator', this.#path('identity-allocator.sock')));
  }

  policies(): RpcClient<typeof PolicyServiceService> {
    return clientOf(PolicyServiceService, this.#open('policy-compiler', this.#path('policy-compiler.sock')));
  }

  /** Starts the bundle, with these options beside its own; resolves when it is ready. */
  async startAgent(...options: readonly string[]): Promise<void> {
    const at = (service: (typeof services)[number]) => `127.0.0.1:${ports[service]}`;
    this.#agent = this.#run('node-agent', [
      ...[process.execPath, join(root, 'apps/node-agent/dist/main.mjs'), '--node', 'n1', '--node-uid', 'n1-uid'],
      ...['--address', addresses.node.join(','), '--socket', this.#path('agent.sock'), '--metrics-listen', '127.0.0.1:9090'],
      // No interface of this namespace has the node's address, whose MTU it would take.
      ...['--mtu', '1450'],
      ...[
        '--identity',
        at('identity-allocator'),
        '--policy',
        at('policy-compiler'),
        '--ipam',
        at('ipam'),
        '--nats',
        'nats://127.0.0.1:4222',
        '--insecure',
      ],
      ...['--bpffs', join(this.#path('bpf'), 'n1'), '--state-dir', this.stateFolder],
      ...options,
    ]);
    await this.ready();
  }

  async ready(): Promise<void> {
    await eventually(async () => (await this.agent().getStatus({})).ready, 20_000);
  }

  /** As a crash would. */
  async killAgent(): Promise<void> {
    await this.#end(this.#agent, 'SIGKILL');
    this.#agent = null;
  }

  /** Ends a service of the control plane. */
  async stopService(name: (typeof services)[number]): Promise<void> {
    await this.#end(
      this.#processes.find((child) => child.spawnargs.includes(join(root, 'apps', name, 'dist', 'main.mjs'))) ?? null,
      'SIGKILL',
    );
  }

  /** Names of the pinned tcx links, `<interface>-<program>`. */
  get linkPins(): readonly string[] {
    return readdirSync(join(this.#path('bpf'), 'n1', 'links'));
  }

  /** Sum of a metric's samples whose labels hold all of these texts. */
  metric(name: string, ...labels: readonly string[]): number {
    const lines = this.exec(process.execPath, '-e', readMetrics).split('\n');
    const samples = lines.filter((line) => line.startsWith(`myelin_${name}`) && labels.every((label) => line.includes(label)));
    return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  get agentPid(): number {
    return this.#agent!.pid!;
  }

  /** A namespace for a pod, and what `CreateEndpoint` gets. */
  pod(name: string, labels: Record<string, string> = { app: name }): EndpointSpec {
    const netns = this.#addNamespace(name);
    return {
      uid: `uid-${name}`,
      namespace: 'shop',
      name,
      labels,
      namespaceLabels: {},
      serviceAccount: '',
      namedPorts: [],
      netns,
      interfaceName: 'eth0',
      addresses: [],
    };
  }

  talker(netns: string): Talker {
    const talker = new Talker(netns);
    this.#talkers.push(talker);
    return talker;
  }

  get outside(): string {
    return `/run/netns/${this.#prefix}-outside`;
  }

  /** Runs a command in the node's namespace; its output. */
  exec(...words: string[]): string {
    return execFileSync('nsenter', [`--net=${this.#node}`, '--', ...words], { encoding: 'utf8' });
  }

  /** What a process said on standard error. */
  log(name: string): string {
    return readFileSync(this.#path(`${name}.log`), 'utf8');
  }

  async close(): Promise<void> {
    for (const talker of this.#talkers) await talker.close();
    for (const channel of this.#channels) channel.close();
    for (const child of [this.#agent, ...this.#processes.reverse()]) await this.#end(child, 'SIGKILL');
    for (const name of this.#namespaces) execFileSync('ip', ['netns', 'delete', name]);
    if (existsSync(this.#path('bpf'))) unmountBpfFileSystem(this.#path('bpf'));
    rmSync(this.#folder, { recursive: true });
  }

  get #node(): string {
    return `/run/netns/${this.#prefix}-node`;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #open(name: string, socket: string): Channel {
    const channel = new Channel(name, parseTarget(`unix:${socket}`)!);
    this.#channels.push(channel);
    return channel;
  }

  #addNamespace(name: string): string {
    const full = `${this.#prefix}-${name}`;
    execFileSync('ip', ['netns', 'add', full]);
    this.#namespaces.push(full);
    return `/run/netns/${full}`;
  }

  #addNamespaces(): void {
    this.#addNamespace('node');
    this.#addNamespace('outside');
    const ip = (netns: string, lines: readonly string[]) =>
      execFileSync('nsenter', [`--net=${netns}`, 'ip', '-batch', '-'], { input: lines.join('\n') });
    const side = (own: readonly string[]) => [
      'link set lo up',
      ...own.map((text) => `addr add ${text}/${text.includes(':') ? '64 nodad' : '24'} dev up0`),
      'link set up0 up',
    ];
    ip(this.#node, [`link add up0 type veth peer name up0 netns ${this.outside}`, ...side(addresses.node)]);
    ip(this.outside, side(addresses.outside));
  }

  async #startControlPlane(): Promise<void> {
    mkdirSync(this.#path('redis'));
    this.#run('redis', [
      'redis-server',
      '--port',
      '6379',
      '--bind',
      '127.0.0.1',
      '--dir',
      this.#path('redis'),
      '--appendonly',
      'yes',
      '--save',
      '',
    ]);
    // Whoever sets up a cluster opens its first incarnation: an empty Redis is a loss.
    const begin = ['nsenter', `--net=${this.#node}`, 'redis-cli', 'SET', 'myelin:incarnation', `${Date.now()}`];
    await eventually(
      () => execFileSync(begin[0]!, begin.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() === 'OK',
    );
    this.#run('nats', ['nats-server', '--addr', '127.0.0.1', '--port', '4222', '--jetstream', '--store_dir', this.#path('nats')]);
    for (const name of services) {
      this.#run(name, [
        ...[process.execPath, join(root, 'apps', name, 'dist/main.mjs'), '--listen', `127.0.0.1:${ports[name]}`],
        ...[
          '--listen-unix',
          this.#path(`${name}.sock`),
          '--metrics-listen',
          '127.0.0.1:0',
          '--redis',
          'redis://127.0.0.1:6379',
          '--nats',
          'nats://127.0.0.1:4222',
          '--insecure',
        ],
      ]);
    }
    await eventually(() => this.policies().list({}), 20_000);
  }

  #run(name: string, command: readonly string[]): ChildProcess {
    const said = openSync(this.#path(`${name}.log`), 'a');
    const child = spawn('nsenter', [`--net=${this.#node}`, '--', ...command], { stdio: ['ignore', 'ignore', said] });
    this.#processes.push(child);
    return child;
  }

  async #end(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
