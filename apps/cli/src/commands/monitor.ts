import type { MonitorRequest } from '@myelin/contracts/agent';
import { flowLine } from '@myelin/flow-api';
import { isMyelinError } from '@myelin/rpc';
import type { AgentClient } from '../adapters/services.ts';
import type { CommandOf } from '../arguments.ts';
import { exitCodes } from '../failure.ts';
import { formatFlow } from '../output/flow.ts';
import type { CommandContext } from './command-context.ts';

/** Events of each node that `--no-follow` shows where no number is given, as `hubble observe` does. */
const lookBack = 20;

/** `myelin monitor`: all agents' flows, each as it comes, until Ctrl-C. */
export async function monitorFlows(command: CommandOf<'monitor'>, context: CommandContext): Promise<number> {
  const request: MonitorRequest = {
    verdicts: [...command.verdicts],
    pods: [...command.pods],
    identities: [...command.identities],
    ports: [...command.ports],
    last: command.last ?? (command.noFollow ? lookBack : 0),
    follow: !command.noFollow,
  };
  const ends = await Promise.all(
    [...context.services.agents(command.node)].map(([node, agent]) => readFlows(node, agent, request, command.output, context)),
  );
  return ends.every(Boolean) ? exitCodes.ok : exitCodes.unreachable;
}

/** Returns whether the stream ended as asked. */
async function readFlows(
  node: string,
  agent: AgentClient,
  request: MonitorRequest,
  output: 'table' | 'json',
  { print, say, signal }: CommandContext,
): Promise<boolean> {
  try {
    for await (const message of agent.monitor(request, { signal })) {
      if (message.lost > 0n) say(`${node}: ${message.lost} events lost`);
      if (message.flow !== undefined)
        print(
          output === 'json'
            ? flowLine({ flow: message.flow, nodeName: message.nodeName, time: message.time })
            : formatFlow(message.flow, message.nodeName),
        );
    }
    return true;
  } catch (error) {
    if (signal.aborted) return true;
    if (!isMyelinError(error)) throw error;
    say(`${node}: ${error.message}`);
    return false;
  }
}
