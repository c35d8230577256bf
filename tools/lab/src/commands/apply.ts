import { applyObjects, deleteObjects } from '../cluster/change.ts';
import { LabClients } from '../cluster/clients.ts';
import { Deadline } from '../cluster/deadline.ts';
import { runningLab } from '../cluster/lab.ts';
import { withLock } from '../cluster/lock.ts';
import type { CommandContext } from './command-context.ts';
import { readInput } from './read-input.ts';
import { reportChange } from './report.ts';

/** How long a command waits for another one to end its change. */
const lockWaitMs = 30_000;

/** `apply -f <file|dir>`: checks everything, then adds or changes these objects. Returns when that is enforced. */
export function apply({ config, say }: CommandContext, files: readonly string[], timeoutSeconds: number): Promise<number> {
  const paths = runningLab(config).paths;
  return withLock(paths.lock, 'apply', lockWaitMs, async () => {
    const lab = runningLab(config);
    const objects = readInput(files, lab.state, say);
    using clients = new LabClients(lab);
    using deadline = new Deadline(timeoutSeconds);
    const result = await applyObjects({ lab, clients, deadline, say }, objects);
    const { newNodes, newPods, changedPods, policies, services } = result.changes;
    say(
      `applied: ${newNodes.length} new nodes, ${newPods.length} new pods, ${changedPods.length} changed pods, ${policies.length} policies, ${services.length} services`,
    );
    return reportChange(result, say);
  });
}

/** `delete -f <file|dir>`: takes these objects away. Returns when that is enforced. */
export function remove({ config, say }: CommandContext, files: readonly string[], timeoutSeconds: number): Promise<number> {
  const paths = runningLab(config).paths;
  return withLock(paths.lock, 'delete', lockWaitMs, async () => {
    const lab = runningLab(config);
    const objects = readInput(files, null, say);
    using clients = new LabClients(lab);
    using deadline = new Deadline(timeoutSeconds);
    await deleteObjects({ lab, clients, deadline, say }, objects);
    return 0;
  });
}
