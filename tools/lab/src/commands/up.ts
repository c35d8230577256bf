import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { applyObjects, type ChangeContext, planNodes } from '../cluster/change.ts';
import { LabClients } from '../cluster/clients.ts';
import { appBundle, controlPlaneReady, startControlPlane } from '../cluster/control-plane.ts';
import { Deadline } from '../cluster/deadline.ts';
import { createFabric } from '../cluster/fabric.ts';
import { exists, type Lab, openLab, saveState, setupPlace, whereIs } from '../cluster/lab.ts';
import { withLock } from '../cluster/lock.ts';
import { nodeReady, startNode } from '../cluster/node.ts';
import { startWorkload, workloadProgram } from '../cluster/workload.ts';
import type { LabConfig } from '../config.ts';
import { LabFailure } from '../failure.ts';
import { makeCgroup } from '../machine/cgroup.ts';
import { mountBpf } from '../machine/mount.ts';
import { missingRequirements } from '../machine/requirements.ts';
import { fabric } from '../plan/address-plan.ts';
import { defaultNode } from '../plan/check-whole.ts';
import type { LabObjects } from '../plan/objects.ts';
import { agentSocket, longestSocketPath, workloadSocket } from '../plan/paths.ts';
import { outsidePorts } from '../plan/pod-processes.ts';
import { defaultOptions, type LabOptions } from '../plan/state.ts';
import type { CommandContext } from './command-context.ts';
import { readInput } from './read-input.ts';
import { reportChange } from './report.ts';

const apps = ['identity-allocator', 'ipam', 'policy-compiler', 'lb-controller', 'node-agent'] as const;

/** `up <file|dir>…`: checks everything, then starts a lab with these objects. Returns when all of it is enforced; exit code 1 where a pod couldn't be started. */
export async function up(
  { config, say }: CommandContext,
  files: readonly string[],
  timeoutSeconds: number,
  { routing, underlay, replicas }: LabOptions = defaultOptions,
): Promise<number> {
  const started = performance.now();
  const lab = openLab(config);
  const objects = readInput(files, lab.state, say);
  checkMachine(config);
  checkSockets(lab, objects);
  return withLock(lab.paths.lock, 'up', 0, async () => {
    if (exists(lab)) {
      const hint = lab.state.complete ? 'use "apply" to add to it, or "down" to end it' : 'an interrupted one; "down" removes it';
      throw new LabFailure(`there is a lab in ${config.labDir} already: ${hint}`);
    }
    lab.state.network = { routing, underlay };
    lab.state.replicas = replicas;
    using clients = new LabClients(lab);
    using deadline = new Deadline(timeoutSeconds);
    const context: ChangeContext = { lab, clients, deadline, say };
    await startLab(context, objects);
    const { nodes, ...rest } = objects;
    const result = await applyObjects(context, { ...rest, nodes: [] });
    lab.state.complete = true;
    saveState(lab);
    const counts = `${lab.state.nodes.length} node${lab.state.nodes.length === 1 ? '' : 's'}, ${lab.state.pods.length} pods, ${objects.policies.length} policies`;
    say(`the lab is up after ${((performance.now() - started) / 1000).toFixed(1)} s: ${counts}`);
    return reportChange(result, say);
  });
}

/** Fabric, control plane and nodes. */
async function startLab({ lab, clients, deadline, say }: ChangeContext, objects: LabObjects): Promise<void> {
  const { paths } = lab;
  saveState(lab);
  for (const folder of [paths.logs, dirname(agentSocket(paths, 'any')), dirname(workloadSocket(paths, { kind: 'outside' })), paths.bpf])
    mkdirSync(folder, { recursive: true });
  for (const place of [setupPlace(lab), whereIs(lab, { kind: 'control' })]) makeCgroup(place.cgroup);
  say('starting fabric and control plane');
  await Promise.all([createFabric(lab), mountBpf(paths.bpf, setupPlace(lab))]);
  planNodes(lab, objects.nodes.length > 0 ? objects.nodes : [defaultNode]);
  await startControlPlane(lab, clients, deadline);
  saveState(lab);
  say(`starting ${lab.state.nodes.map(({ name }) => name).join(', ')}`);
  await Promise.all([
    startWorkload(lab, { kind: 'outside' }, outsidePorts, fabric.outside),
    controlPlaneReady(lab, clients, deadline),
    ...lab.state.nodes.map(async (node) => {
      await startNode(lab, node);
      await nodeReady(lab, node, clients, deadline);
    }),
  ]);
  saveState(lab);
}

function checkMachine({ projectRoot, path }: LabConfig): void {
  const built = [...apps.map((app) => appBundle(projectRoot, app)), workloadProgram(projectRoot)];
  const missing = missingRequirements(built, path);
  if (missing.length > 0) throw new LabFailure(`this machine can't run a lab:\n${missing.map((line) => `  ${line}`).join('\n')}`);
}

function checkSockets({ paths }: Lab, { nodes }: LabObjects): void {
  for (const { name } of [defaultNode, ...nodes]) {
    const socket = agentSocket(paths, name);
    if (Buffer.byteLength(socket) > longestSocketPath)
      throw new LabFailure(`${socket} is too long for a unix socket (at most ${longestSocketPath} bytes): set LAB_DIR to a shorter path`);
  }
}
