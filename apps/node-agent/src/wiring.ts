import { RpcServer } from '@myelin/rpc';
import type { Component, ServiceContext } from '@myelin/service';
import type { NodeAgentConfig } from './config.ts';
import { agentService } from './handlers/agent-service.ts';
import { NodeComponent } from './node-component.ts';

/** Everything that the service runs, in the order in which it starts: whoever asks for an endpoint finds the node's kernel ready. */
export function wire(config: NodeAgentConfig, context: ServiceContext): readonly Component[] {
  const { log, metrics, readiness } = context;
  const node = new NodeComponent(config, context);
  const services = [agentService(() => node.running)];
  const server = new RpcServer({ service: 'node-agent', listenUnix: config.socket, services, readiness, log, meter: metrics.meter });
  return [node, server];
}
