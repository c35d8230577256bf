import { LabClients } from '../cluster/clients.ts';
import { Deadline } from '../cluster/deadline.ts';
import { runningLab, saveState } from '../cluster/lab.ts';
import { withLock } from '../cluster/lock.ts';
import { killAgent, nodeReady, startAgent } from '../cluster/node.ts';
import { LabFailure } from '../failure.ts';
import { isAlive } from '../machine/process.ts';
import type { CommandContext } from './command-context.ts';

/** `agent kill|start <node>`: ends a node's agent by SIGKILL, or starts it again and waits until it has adopted what it finds. */
export function agent({ config, say }: CommandContext, action: 'kill' | 'start', name: string, timeoutSeconds: number): Promise<number> {
  const paths = runningLab(config).paths;
  return withLock(paths.lock, `agent ${action}`, timeoutSeconds * 1000, async () => {
    const lab = runningLab(config);
    const node = lab.state.nodes.find((each) => each.name === name);
    if (node === undefined)
      throw new LabFailure(`there is no node "${name}": one of ${lab.state.nodes.map((each) => each.name).join(', ')}`);
    if (action === 'kill') {
      say((await killAgent(node)) ? `the agent of ${name} is dead` : `the agent of ${name} did not run`);
      return 0;
    }
    if (node.agent !== null && isAlive(node.agent)) throw new LabFailure(`the agent of ${name} runs (process ${node.agent.pid})`);
    const started = performance.now();
    await startAgent(lab, node);
    saveState(lab);
    using clients = new LabClients(paths);
    using deadline = new Deadline(timeoutSeconds);
    await nodeReady(lab, node, clients, deadline);
    say(`the agent of ${name} is ready after ${Math.round(performance.now() - started)} ms`);
    return 0;
  });
}
