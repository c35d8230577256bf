import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CredentialFiles } from '@myelin/credentials';
import { redisAccessList } from '@myelin/outbox/rights';
import { isTransient } from '@myelin/rpc';
import { natsAccounts } from '@myelin/state-stream/rights';
import { LabFailure } from '../failure.ts';
import { isAlive, launch, logTail, type ProcessId } from '../machine/process.ts';
import { fabric } from '../plan/address-plan.ts';
import { replicaNames } from '../plan/names.ts';
import { logFile, serviceSocket } from '../plan/paths.ts';
import type { LabState } from '../plan/state.ts';
import type { LabClients } from './clients.ts';
import { certify, redisCli, redisPassword, tlsOptions } from './credentials.ts';
import type { Deadline } from './deadline.ts';
import { type Lab, whereIs } from './lab.ts';

/** Ports in the control plane's namespace, which every lab has for itself. */
const ports = { redis: 6379, nats: 4222 } as const;
const services = { 'identity-allocator': 7001, ipam: 7002, 'policy-compiler': 7003, 'lb-controller': 7004 } as const;
type Service = keyof typeof services;

/** Port of a replica, counted from 1. Its metrics are 1,000 above. */
const portOf = (service: Service, replica: number): number => services[service] + 10 * (replica - 1);

/** `host:port` of a service's replicas as nodes reach them. */
export const serviceAddress = ({ replicas }: Pick<LabState, 'replicas'>, service: Service): string =>
  Array.from({ length: replicas }, (_, index) => `${fabric.control}:${portOf(service, index + 1)}`).join(',');
export const natsUrl = `nats://${fabric.control}:${ports.nats}`;

/** The bundle of an app. */
export const appBundle = (projectRoot: string, app: string): string => join(projectRoot, 'apps', app, 'dist', 'main.mjs');

/** Everything that the control plane consists of, in the order in which people are told: Redis, NATS, and the replicas `<service>`, `<service>-2` … of each service. */
export const controlProcesses = ({ replicas }: Pick<LabState, 'replicas'>): readonly string[] => [
  'redis',
  'nats',
  ...Object.keys(services).flatMap((service) => replicaNames(service, replicas)),
];

/** Which replica of which service a name stands for. */
function replicaNamed(name: string): { readonly service: Service; readonly replica: number } {
  const [, service, replica = '1'] = /^(.*?)(?:-(\d+))?$/.exec(name)! as unknown as [string, Service, string | undefined];
  return { service, replica: Number(replica) };
}

/** Makes the certificate of NATS or of a service's replica anew. */
export const certifyControlProcess = (lab: Lab, name: string): CredentialFiles =>
  certify(lab, name, { kind: 'service', name: replicaNamed(name).service });

/**
 * Starts Redis, NATS and the services for the first time. The first incarnation is opened here: a Redis that services find empty has lost what it had (design C4). Else they start all at once: each
 * waits for what it needs.
 */
export async function startControlPlane(lab: Lab, clients: LabClients, deadline: Deadline): Promise<void> {
  const [redis, ...others] = controlProcesses(lab.state);
  await startControlProcess(lab, redis!);
  await controlProcessReady(lab, redis!, clients, deadline);
  await redisCli(lab.paths, 'SET', 'myelin:incarnation', `${Date.now()}`);
  await Promise.all(others.map((name) => startControlProcess(lab, name)));
}

/** Starts one of them, the first time or again. It isn't ready yet. */
export async function startControlProcess(lab: Lab, name: string): Promise<void> {
  const { paths, state } = lab;
  const command = name === 'redis' ? redisCommand(lab) : name === 'nats' ? natsCommand(lab) : serviceCommand(lab, name);
  state.processes[name] = await launch(whereIs(lab, { kind: 'control' }), command, { log: logFile(paths, name), cwd: paths.root });
}

// Append-only file, written at every command: what a service has answered is never lost (design C1).
function redisCommand({ paths }: Lab): string[] {
  mkdirSync(paths.redis, { recursive: true });
  const users = join(paths.redis, 'users.acl');
  writeFileSync(
    users,
    redisAccessList((user) => createHash('sha256').update(redisPassword(paths, user).text).digest('hex')),
    { mode: 0o600 },
  );
  const options = {
    bind: `127.0.0.1 ${fabric.control}`,
    port: ports.redis,
    unixsocket: serviceSocket(paths, 'redis'),
    'protected-mode': 'no',
    aclfile: users,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    dir: paths.redis,
  };
  return [
    'redis-server',
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, ...(name === 'bind' ? String(value).split(' ') : [String(value)])]),
  ];
}

function natsCommand(lab: Lab): string[] {
  const { nats } = lab.paths;
  mkdirSync(nats, { recursive: true });
  const config = join(nats, 'nats.conf');
  writeFileSync(config, natsConfig(nats, certifyControlProcess(lab, 'nats')));
  return ['nats-server', '--config', config];
}

const natsConfig = (folder: string, { ca, cert, key }: CredentialFiles): string => `host: "${fabric.control}"
port: ${ports.nats}
ports_file_dir: "${folder}"
jetstream { store_dir: "${join(folder, 'jetstream')}" }
tls { ca_file: "${ca}", cert_file: "${cert}", key_file: "${key}", verify_and_map: true }
${natsAccounts()}`;

function serviceCommand(lab: Lab, name: string): string[] {
  const { projectRoot, paths } = lab;
  const { service, replica } = replicaNamed(name);
  const port = portOf(service, replica);
  const options = {
    listen: `${fabric.control}:${port}`,
    'listen-unix': serviceSocket(paths, name),
    // Plain HTTP: for whoever is in the control plane's namespace.
    'metrics-listen': `127.0.0.1:${port + 1000}`,
    redis: `redis://${service}@${fabric.control}:${ports.redis}`,
    'redis-password-file': redisPassword(paths, service).file,
    nats: natsUrl,
    ...tlsOptions(certifyControlProcess(lab, name)),
  };
  return [process.execPath, appBundle(projectRoot, service), ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
}

/** Resolves when every part of the control plane says that it is ready; throws when one has ended, or the time is over. */
export async function controlPlaneReady(lab: Lab, clients: LabClients, deadline: Deadline): Promise<void> {
  await Promise.all(controlProcesses(lab.state).map((name) => controlProcessReady(lab, name, clients, deadline)));
}

/** The same for one part. */
export async function controlProcessReady(lab: Lab, name: string, clients: LabClients, deadline: Deadline): Promise<void> {
  const { paths, state } = lab;
  const socket = serviceSocket(paths, name);
  const ready = () => {
    if (name === 'redis') return untilThere(() => connects(socket), deadline);
    if (name === 'nats') return untilThere(() => readdirSync(paths.nats).some((file) => file.endsWith('.ports')), deadline);
    return serviceReady(clients, name, socket, deadline);
  };
  await readyOrDead(name, state.processes[name]!, logFile(paths, name), ready, deadline);
}

/** Waits until a service's socket is there and its health says that it serves. */
export async function serviceReady(clients: LabClients, name: string, socket: string, deadline: Deadline): Promise<void> {
  await untilThere(() => existsSync(socket), deadline);
  for (;;) {
    try {
      return await clients.serving(name, socket, deadline.signal);
    } catch (error) {
      // A socket is there a moment before somebody listens on it; a restarting service has left its old one.
      if (!isTransient(error) || deadline.signal.aborted) throw error;
      await delay(10, undefined, { signal: deadline.signal });
    }
  }
}

/** Waits for `ready`, but not for a process that has ended. */
export async function readyOrDead(name: string, id: ProcessId, log: string, ready: () => Promise<void>, deadline: Deadline): Promise<void> {
  const watch = new AbortController();
  const death = (async () => {
    while (!watch.signal.aborted && deadline.leftMs > 0 && isAlive(id)) await delay(50);
    if (watch.signal.aborted) return;
    if (isAlive(id)) throw deadline.overdue(`${name} isn't ready:\n${logTail(log)}`);
    throw new LabFailure(`${name} ended while it started:\n${logTail(log)}`);
  })();
  try {
    await Promise.race([ready(), death]);
  } catch (error) {
    // A broken call says less than the log of a process that is no more, or won't be in a moment.
    await delay(100);
    if (!isAlive(id) || deadline.leftMs === 0) await death;
    throw error;
  } finally {
    watch.abort();
    death.catch(() => {});
  }
}

async function untilThere(isThere: () => boolean | Promise<boolean>, { signal }: Deadline): Promise<void> {
  while (!(await isThere())) await delay(5, undefined, { signal });
}

const connects = (path: string) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
