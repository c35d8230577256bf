import { join } from 'node:path';
import { type Place, placeKey, placeName } from './names.ts';

/** Files and sockets of one lab, all under its directory. */
export interface LabPaths {
  readonly root: string;
  /** What the lab consists of; see cluster/state.ts. */
  readonly state: string;
  readonly lock: string;
  /** Sockets of the services, where the `myelin` command looks for them. */
  readonly run: string;
  readonly logs: string;
  /** The lab's own bpf file system: unmounted, every pin is gone. */
  readonly bpf: string;
  readonly redis: string;
  readonly nats: string;
  /** The lab's authority, its processes' certificates and Redis' passwords: for root alone. */
  readonly credentials: string;
}

/** Where a unix socket's path must end (sun_path has 108 bytes, one of them a zero). */
export const longestSocketPath = 107;

/** Paths of the lab in this directory. */
export function labPaths(root: string): LabPaths {
  return {
    root,
    state: join(root, 'lab.json'),
    lock: join(root, 'lock'),
    run: join(root, 'run'),
    logs: join(root, 'logs'),
    bpf: join(root, 'bpf'),
    redis: join(root, 'redis'),
    nats: join(root, 'nats'),
    credentials: join(root, 'credentials'),
  };
}

/** Socket of a service of the control plane, or of `redis`. */
export const serviceSocket = (paths: LabPaths, service: string): string => join(paths.run, `${service}.sock`);
/** Socket of a node's agent. */
export const agentSocket = (paths: LabPaths, node: string): string => join(paths.run, 'agents', `${node}.sock`);
/** Socket of a place's workload process, which sends probes from there. */
export const workloadSocket = (paths: LabPaths, place: Place): string => join(paths.run, 'workloads', `${placeKey(place)}.sock`);
/** What a node's agent keeps over a restart. */
export const agentStateDir = (paths: LabPaths, node: string): string => join(paths.root, 'agents', node);
/** A node's pins. */
export const agentBpffs = (paths: LabPaths, node: string): string => join(paths.bpf, node);
/** Log of one process. */
export const logFile = (paths: LabPaths, name: string): string => join(paths.logs, `${name}.log`);
/** Log of what runs in a place under this name. */
export const placeLog = (paths: LabPaths, place: Place, name: string): string =>
  logFile(paths, `${placeName(place).replaceAll(/[/:]/g, '.')}.${name}`);
