import { setTimeout as delay } from 'node:timers/promises';
import { AgentServiceService } from '@myelin/contracts/agent';
import { HealthCheckResponse_ServingStatus, HealthService } from '@myelin/contracts/health';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { IpamServiceService } from '@myelin/contracts/ipam';
import { LoadBalancingServiceService } from '@myelin/contracts/loadbalancing';
import { PolicyServiceService } from '@myelin/contracts/policy';
import { Channel, clientOf, isMyelinError, type RpcClient } from '@myelin/rpc';
import { isRunning } from '../machine/process.ts';
import { replicaNames } from '../plan/names.ts';
import { agentSocket, type LabPaths, serviceSocket } from '../plan/paths.ts';
import type { LabState } from '../plan/state.ts';
import type { Deadline } from './deadline.ts';
import type { Lab } from './lab.ts';

/**
 * Repeats an idempotent call that didn't reach its service or wasn't answered in time, as kubelet does, until the time is over; then throws that `what` is overdue.
 * Other errors are answers, and thrown at once.
 */
export async function untilAnswered<T>(deadline: Deadline, what: string, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isMyelinError(error, 'unavailable', 'deadline_exceeded')) throw error;
      if (deadline.leftMs === 0) throw deadline.overdue(`${what}: ${error.message}`);
      await delay(100);
    }
  }
}

export type AgentClient = RpcClient<typeof AgentServiceService>;
export type PolicyClient = RpcClient<typeof PolicyServiceService>;
export type LoadBalancingClient = RpcClient<typeof LoadBalancingServiceService>;
export type IdentityClient = RpcClient<typeof IdentityServiceService>;
export type IpamClient = RpcClient<typeof IpamServiceService>;

/** Clients of a lab's services, over their unix sockets: those have no network namespace. */
export class LabClients implements Disposable {
  readonly #paths: LabPaths;
  readonly #state: LabState;
  readonly #channels = new Map<string, Channel>();

  constructor({ paths, state }: Pick<Lab, 'paths' | 'state'>) {
    this.#paths = paths;
    this.#state = state;
  }

  /** `deadlineMs` of its calls: adding an endpoint may wait for policy. */
  agent(node: string, deadlineMs = 15_000): AgentClient {
    return clientOf(AgentServiceService, this.#channel(`node-agent of ${node}`, agentSocket(this.#paths, node)), deadlineMs);
  }

  policy(): PolicyClient {
    return clientOf(PolicyServiceService, this.#replica('policy-compiler'));
  }

  loadBalancing(): LoadBalancingClient {
    return clientOf(LoadBalancingServiceService, this.#replica('lb-controller'));
  }

  identity(): IdentityClient {
    return clientOf(IdentityServiceService, this.#replica('identity-allocator'));
  }

  ipam(): IpamClient {
    return clientOf(IpamServiceService, this.#replica('ipam'));
  }

  /** Resolves once the service behind a socket says that it serves. */
  async serving(name: string, socket: string, signal: AbortSignal): Promise<void> {
    const health = clientOf(HealthService, this.#channel(name, socket));
    for await (const { status } of health.watch({ service: '' }, { signal }))
      if (status === HealthCheckResponse_ServingStatus.SERVING) return;
    throw new Error(`${name} stopped before it was ready`);
  }

  [Symbol.dispose](): void {
    for (const channel of this.#channels.values()) channel.close();
  }

  /** The first replica of a service that runs: behind a unix socket there is one process, and gRPC moves on to no other. */
  #replica(service: string): Channel {
    const names = replicaNames(service, this.#state.replicas);
    const runs = names.find((name) => {
      const id = this.#state.processes[name];
      return id !== undefined && isRunning(id);
    });
    const name = runs ?? service;
    return this.#channel(name, serviceSocket(this.#paths, name));
  }

  #channel(name: string, socket: string): Channel {
    const known = this.#channels.get(socket);
    if (known !== undefined) return known;
    const channel = new Channel(name, `unix:${socket}`);
    this.#channels.set(socket, channel);
    return channel;
  }
}
