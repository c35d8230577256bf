import { setTimeout as delay } from 'node:timers/promises';
import { AgentServiceService } from '@myelin/contracts/agent';
import { HealthCheckResponse_ServingStatus, HealthService } from '@myelin/contracts/health';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { PolicyServiceService } from '@myelin/contracts/policy';
import { Channel, clientOf, isMyelinError, type RpcClient } from '@myelin/rpc';
import { agentSocket, type LabPaths, serviceSocket } from '../plan/paths.ts';
import type { Deadline } from './deadline.ts';

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
export type IdentityClient = RpcClient<typeof IdentityServiceService>;

/** Clients of a lab's services, over their unix sockets: those have no network namespace. */
export class LabClients implements Disposable {
  readonly #paths: LabPaths;
  readonly #channels = new Map<string, Channel>();

  constructor(paths: LabPaths) {
    this.#paths = paths;
  }

  /** `deadlineMs` of its calls: adding an endpoint may wait for policy. */
  agent(node: string, deadlineMs = 15_000): AgentClient {
    return clientOf(AgentServiceService, this.#channel(`node-agent of ${node}`, agentSocket(this.#paths, node)), deadlineMs);
  }

  policy(): PolicyClient {
    return clientOf(PolicyServiceService, this.#channel('policy-compiler', serviceSocket(this.#paths, 'policy-compiler')));
  }

  identity(): IdentityClient {
    return clientOf(IdentityServiceService, this.#channel('identity-allocator', serviceSocket(this.#paths, 'identity-allocator')));
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

  #channel(name: string, socket: string): Channel {
    const known = this.#channels.get(socket);
    if (known !== undefined) return known;
    const channel = new Channel(name, `unix:${socket}`);
    this.#channels.set(socket, channel);
    return channel;
  }
}
