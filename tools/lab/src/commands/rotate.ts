import { certifyControlProcess, controlProcesses } from '../cluster/control-plane.ts';
import { runningLab } from '../cluster/lab.ts';
import { withLock } from '../cluster/lock.ts';
import { certifyAgent } from '../cluster/node.ts';
import { signal } from '../machine/process.ts';
import type { CommandContext } from './command-context.ts';

/** `rotate`: new certificates and keys for all processes. They look for them themselves; NATS is told. */
export function rotate({ config, say }: CommandContext, timeoutSeconds: number): Promise<number> {
  return withLock(runningLab(config).paths.lock, 'rotate', timeoutSeconds * 1000, async () => {
    const lab = runningLab(config);
    const certified = controlProcesses(lab.state).filter((name) => name !== 'redis');
    for (const name of certified) certifyControlProcess(lab, name);
    for (const node of lab.state.nodes) certifyAgent(lab, node);
    const nats = lab.state.processes.nats;
    if (nats !== undefined) signal(nats, 'SIGHUP');
    say(`${certified.length + lab.state.nodes.length} processes have new certificates, which they use within 2 s`);
    return 0;
  });
}
