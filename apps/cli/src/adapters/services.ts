import { AgentServiceService } from '@myelin/contracts/agent';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { LoadBalancingServiceService } from '@myelin/contracts/loadbalancing';
import { PolicyServiceService } from '@myelin/contracts/policy';
import { Channel, clientOf, isListening, type RpcClient } from '@myelin/rpc';
import type { Sockets } from '../config.ts';
import { CommandFailure, exitCodes } from '../failure.ts';

export type IdentityClient = RpcClient<typeof IdentityServiceService>;
export type PolicyClient = RpcClient<typeof PolicyServiceService>;
export type LoadBalancingClient = RpcClient<typeof LoadBalancingServiceService>;
export type AgentClient = RpcClient<typeof AgentServiceService>;

/** Clients of all services; a connection is made at its first call. */
export interface Services {
  readonly identity: IdentityClient;
  readonly policy: PolicyClient;
  readonly loadBalancing: LoadBalancingClient;
  /**
   * Agents by node name, sorted; with a name, only that one. Throws CommandFailure where there is none.
   */
  agents(node: string | undefined): ReadonlyMap<string, AgentClient>;
  close(): void;
}

/** The first socket that somebody listens on, else the first. */
async function firstAlive(sockets: readonly string[]): Promise<string> {
  for (const socket of sockets) if (await isListening(socket)) return socket;
  return sockets[0]!;
}

/** Connects to the sockets as commands need them. */
export async function connectServices(sockets: Sockets): Promise<Services> {
  const channels: Channel[] = [];
  const open = (name: string, path: string) => {
    const channel = new Channel(name, `unix:${path}`);
    channels.push(channel);
    return channel;
  };
  return {
    identity: clientOf(IdentityServiceService, open('identity-allocator', await firstAlive(sockets.identity))),
    policy: clientOf(PolicyServiceService, open('policy-compiler', await firstAlive(sockets.policy))),
    loadBalancing: clientOf(LoadBalancingServiceService, open('lb-controller', await firstAlive(sockets.loadBalancing))),
    agents: (node) => {
      if (sockets.agents.size === 0)
        throw new CommandFailure(
          "no node agent here: set MYELIN_RUN_DIR or --run-dir to the folder of the services' sockets",
          exitCodes.unreachable,
        );
      const wanted = [...sockets.agents].filter(([name]) => node === undefined || name === node);
      if (wanted.length === 0) throw new CommandFailure(`no node "${node}" here; there are: ${[...sockets.agents.keys()].join(', ')}`);
      return new Map(wanted.map(([name, path]) => [name, clientOf(AgentServiceService, open(`node-agent ${name}`, path))]));
    },
    close: () => {
      for (const channel of channels) channel.close();
    },
  };
}
