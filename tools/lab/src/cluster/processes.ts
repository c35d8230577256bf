import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nearestName } from '@myelin/manifest';
import { LabFailure } from '../failure.ts';
import { isAlive, type ProcessId, signal } from '../machine/process.ts';
import type { NodeState } from '../plan/state.ts';
import type { LabClients } from './clients.ts';
import { controlProcesses, controlProcessReady, startControlProcess } from './control-plane.ts';
import type { Deadline } from './deadline.ts';
import { type Lab, saveState } from './lab.ts';
import { nodeReady, startAgent } from './node.ts';

/** A process of the lab that can be ended, paused and started again. */
export interface LabProcess {
  readonly name: string;
  /** Null: it was never started. */
  readonly id: ProcessId | null;
  start(): Promise<void>;
  ready(clients: LabClients, deadline: Deadline): Promise<void>;
}

const agentPrefix = 'node-agent:';

/** Names of all of them: the control plane's, and `node-agent:<node>`. */
export const processNames = ({ state }: Lab): readonly string[] => [
  ...controlProcesses(state),
  ...state.nodes.map(({ name }) => agentPrefix + name),
];

/** The process of this name. Throws LabFailure that names all there are. */
export function processNamed(lab: Lab, name: string): LabProcess {
  if (controlProcesses(lab.state).includes(name)) {
    return {
      name,
      id: lab.state.processes[name] ?? null,
      start: () => startControlProcess(lab, name),
      ready: (clients, deadline) => controlProcessReady(lab, name, clients, deadline),
    };
  }
  const node = lab.state.nodes.find((each) => agentPrefix + each.name === name);
  if (node !== undefined) return agentOf(lab, node);
  const nearest = nearestName(name, processNames(lab));
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  throw new LabFailure(`there is no process "${name}": one of ${processNames(lab).join(', ')}${hint}`);
}

/** The agent of a node. */
export const agentOf = (lab: Lab, node: NodeState): LabProcess => ({
  name: agentPrefix + node.name,
  id: node.agent,
  start: () => startAgent(lab, node),
  ready: (clients, deadline) => nodeReady(lab, node, clients, deadline),
});

/** Ends a process at once, as a crash would; false when it doesn't run. */
export async function kill({ id }: LabProcess): Promise<boolean> {
  if (id === null || !signal(id, 'SIGKILL')) return false;
  while (isAlive(id)) await delay(2);
  return true;
}

/** Asks a process to end, and waits until it has; ends it by force where the time is over. */
export async function terminate(process: LabProcess, deadline: Deadline): Promise<void> {
  if (process.id === null || !signal(process.id, 'SIGTERM')) return;
  while (isAlive(process.id) && deadline.leftMs > 0) await delay(5);
  await kill(process);
}

/** Starts a process that doesn't run and waits until it is ready. */
export async function start(lab: Lab, process: LabProcess, clients: LabClients, deadline: Deadline): Promise<void> {
  await process.start();
  saveState(lab);
  await processNamed(lab, process.name).ready(clients, deadline);
}

/** Ends a process in order and starts it again; `between`: done while it doesn't run. */
export async function restart(lab: Lab, name: string, clients: LabClients, deadline: Deadline, between = () => {}): Promise<void> {
  const process = processNamed(lab, name);
  await terminate(process, deadline);
  between();
  await start(lab, process, clients, deadline);
}

/** Takes away all that NATS holds, as the loss of its disk would. */
export const wipeNats = ({ paths }: Lab): void => rmSync(join(paths.nats, 'jetstream'), { recursive: true, force: true });
