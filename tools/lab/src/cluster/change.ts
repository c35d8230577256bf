import { randomUUID } from 'node:crypto';
import type { ApplyResponse } from '@myelin/contracts/policy';
import { isMyelinError } from '@myelin/rpc';
import { LabFailure } from '../failure.ts';
import { planNode } from '../plan/address-plan.ts';
import { type Changes, planChanges } from '../plan/changes.ts';
import { type LabNode, type LabObjects, type LabPod, type LabPolicy, podKey } from '../plan/objects.ts';
import { placePods } from '../plan/placement.ts';
import type { NodeState, PodState } from '../plan/state.ts';
import { knownEverywhere, lastOfPods, registrations } from './announced.ts';
import { untilAnswered } from './clients.ts';
import { concurrently } from './concurrently.ts';
import { endpointsReady, revisionEnforced } from './enforced.ts';
import { type Lab, saveState } from './lab.ts';
import { nodeReady, startNode } from './node.ts';
import { type PodContext, restartProcesses, startPod, stopPod, updatePod } from './pod.ts';
import { agentRuns, forgetNode, stopNode } from './remove-node.ts';
import { applyServices, deleteServices, publishEndpoints } from './services.ts';

/** Pods that are worked on at a time. */
const podsAtATime = 4;

/** What a change is made with. */
export interface ChangeContext extends PodContext {
  /** Tells people what happens. */
  readonly say: (text: string) => void;
}

/** What a change did. */
export interface ChangeResult {
  readonly changes: Changes;
  /** Pods that are not there, though they should be. */
  readonly failed: readonly PodState[];
}

/** Adds nodes to the lab's state, with addresses. */
export function planNodes({ state }: Lab, nodes: readonly LabNode[]): void {
  for (const manifest of nodes) {
    const { name, uid, podCidrs } = manifest;
    const planned = planNode(manifest, state.nodes);
    state.nodes.push({ name, uid: uid ?? randomUUID(), ...planned, requestedCidrs: podCidrs, podCidrs: [], agent: null, manifest });
  }
}

function planPods({ state }: Lab, pods: readonly LabPod[]): PodState[] {
  const inTurn = state.pods.filter(({ manifest }) => manifest.nodeName === null).length;
  const places = placePods(
    pods,
    state.nodes.map(({ name }) => name),
    inTurn,
  );
  const planned = pods.map(
    (manifest, index): PodState => ({
      uid: manifest.uid ?? randomUUID(),
      node: places[index]!,
      manifest,
      addresses: [],
      identity: 0,
      failure: 'it was not started yet when the lab was interrupted',
    }),
  );
  state.pods.push(...planned);
  return planned;
}

/** Makes a running lab hold these objects too, and returns when all of it is enforced, and known to all nodes: policies before pods, so that no pod is ever open in between. */
export async function applyObjects(context: ChangeContext, objects: LabObjects): Promise<ChangeResult> {
  const { lab, clients, deadline, say } = context;
  const changes = planChanges(lab.state, objects);
  await addNodes(context, changes.newNodes);
  for (const { name, labels } of changes.namespaces) lab.state.namespaces[name] = labels;
  const newPods = planPods(lab, changes.newPods);
  for (const name of new Set(newPods.map(({ manifest }) => manifest.namespace))) lab.state.namespaces[name] ??= {};
  saveState(lab);
  const answer = await applyPolicies(context, changes.policies);
  const services = [...(await applyServices(context, changes))];
  const touched = [...newPods, ...changes.retriedPods, ...changes.changedPods.map(({ pod }) => pod)];
  if (newPods.length > 0) say(`starting ${newPods.length} pod${newPods.length === 1 ? '' : 's'}`);
  await concurrently(changes.retriedPods, podsAtATime, (pod) => stopPod(context, pod));
  await concurrently([...newPods, ...changes.retriedPods], podsAtATime, (pod) => startPod(context, pod));
  await concurrently(changes.changedPods, podsAtATime, async ({ pod, manifest, endpoint, processes }) => {
    if (endpoint) await updatePod(context, pod, manifest);
    pod.manifest = manifest;
    if (processes && pod.failure === null) await restartProcesses(lab, pod);
  });
  saveState(lab);
  services.push(...(await publishEndpoints(context)));
  if (answer?.revision !== undefined) await revisionEnforced(lab, answer.revision, describePolicies(changes.policies), clients, deadline);
  const rows = await endpointsReady(lab, touched, clients, deadline);
  await knownEverywhere(lab, [...(await registrations(lab, clients)), ...rows, ...services], clients, deadline);
  return { changes, failed: touched.filter(({ failure }) => failure !== null) };
}

async function addNodes({ lab, clients, deadline, say }: ChangeContext, nodes: readonly LabNode[]): Promise<void> {
  if (nodes.length === 0) return;
  planNodes(lab, nodes);
  saveState(lab);
  const added = lab.state.nodes.filter(({ name }) => nodes.some((node) => node.name === name));
  say(`starting ${added.map(({ name }) => name).join(', ')}`);
  await Promise.all(added.map((node) => startNode(lab, node)));
  saveState(lab);
  await Promise.all(added.map((node) => nodeReady(lab, node, clients, deadline)));
  saveState(lab);
}

async function applyPolicies({ clients }: ChangeContext, policies: readonly LabPolicy[]): Promise<ApplyResponse | null> {
  if (policies.length === 0) return null;
  try {
    return await clients.policy().apply({ documents: policies.map(({ document }) => document) });
  } catch (error) {
    if (!isMyelinError(error)) throw error;
    throw new LabFailure(`the policy compiler refuses the policies: ${error.message}`, undefined, { cause: error });
  }
}

/** `NetworkPolicy shop/web`, and how many others. */
export function describePolicies(policies: readonly LabPolicy[]): string {
  const [first] = policies;
  if (first === undefined) return 'no policy';
  const { kind, namespace, name } = first.reference;
  const more = policies.length === 1 ? '' : ` and ${policies.length - 1} more`;
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}${more}`;
}

/** Takes objects out of a running lab, and returns when that is enforced. What isn't there is passed over with a word. */
export async function deleteObjects(context: ChangeContext, objects: LabObjects): Promise<void> {
  const { lab, clients, deadline, say } = context;
  const { state } = lab;
  const gone = new Set(objects.namespaces.map(({ name }) => name));
  const wanted = new Set(objects.pods.map(podKey));
  const leaving = leavingNodes(context, objects.nodes);
  const bereft = new Set(leaving.filter((node) => !agentRuns(node)).map(({ name }) => name));
  const pods = state.pods.filter(
    ({ node, manifest }) => wanted.has(podKey(manifest)) || gone.has(manifest.namespace) || leaving.some(({ name }) => name === node),
  );
  for (const key of wanted) if (!state.pods.some(({ manifest }) => podKey(manifest) === key)) say(`Pod ${key} isn't there`);
  // As in Kubernetes: Services stop choosing pods that are about to go, then those go.
  await knownEverywhere(lab, await publishEndpoints(context, new Set(pods.map(({ uid }) => uid))), clients, deadline);
  await concurrently(pods, podsAtATime, (pod) => stopPod(context, pod, !bereft.has(pod.node)));
  state.pods = state.pods.filter((pod) => !pods.includes(pod));
  for (const name of gone) delete state.namespaces[name];
  saveState(lab);
  const services = [...(await deleteServices(context, objects, gone)), ...(await publishEndpoints(context))];
  for (const node of leaving) await deleteNode(context, node);
  await deletePolicies(context, objects.policies, gone);
  if (pods.length > 0) say(`deleted ${pods.map(({ manifest }) => `Pod ${podKey(manifest)}`).join(', ')}`);
  // What a deleted pod leaves behind in the kernel is gone when its endpoint is; and so far as other nodes know, when they have applied that.
  await deadline.until(async () => {
    for (const { node, uid, manifest } of pods) {
      if (leaving.some(({ name }) => name === node)) continue;
      const { endpoints } = await clients.agent(node).listEndpoints({});
      if (endpoints.some(({ spec }) => spec?.uid === uid)) return `node ${node}: Pod ${podKey(manifest)}: its endpoint is still there`;
    }
    return null;
  });
  const bereaved = Map.groupBy(pods, ({ node }) => node);
  const rows = await Promise.all(
    state.nodes.flatMap(({ name }) => {
      const keys = bereaved.get(name)?.map(({ manifest }) => podKey(manifest));
      return keys === undefined ? [] : [lastOfPods(clients, name, `removal of Pod ${keys.join(', ')}`)];
    }),
  );
  await knownEverywhere(lab, [...rows.flat(), ...services], clients, deadline);
}

/** Nodes to be deleted that are there. Throws LabFailure where none would stay. */
function leavingNodes({ lab: { state }, say }: ChangeContext, nodes: readonly LabNode[]): readonly NodeState[] {
  const leaving = state.nodes.filter(({ name }) => nodes.some((node) => node.name === name));
  if (leaving.length > 0 && leaving.length === state.nodes.length)
    throw new LabFailure('nothing was changed: a lab has at least one node; "down" ends it with all of them');
  for (const { name } of nodes) if (!leaving.some((node) => node.name === name)) say(`Node ${name} isn't there`);
  return leaving;
}

/** Whatever state its agent was in: its registration ends, and all that its pods had, before its pod ranges may be given to others. Returns when all other nodes know. */
async function deleteNode({ lab, clients, deadline, say }: ChangeContext, node: NodeState): Promise<void> {
  const { name } = node;
  await stopNode(lab, node, deadline);
  const { nodeRevision, endpointRevision } = await untilAnswered(deadline, `Node ${name}`, () => clients.identity().removeNode({ name }));
  await untilAnswered(deadline, `pod ranges of Node ${name}`, () => clients.ipam().releaseBlocks({ node: name }));
  forgetNode(lab, node);
  const what = `removal of Node ${name}`;
  await knownEverywhere(
    lab,
    [
      { stream: 'nodes', what, revision: nodeRevision! },
      { stream: 'endpoints', what, revision: endpointRevision! },
    ],
    clients,
    deadline,
  );
  say(`deleted Node ${name}; its addresses and its pod ranges are free`);
}

async function deletePolicies(
  { lab, clients, deadline, say }: ChangeContext,
  policies: readonly LabPolicy[],
  namespaces: ReadonlySet<string>,
): Promise<void> {
  const stored = namespaces.size === 0 ? [] : (await clients.policy().list({})).policies.map(({ reference }) => reference!);
  const references = [
    ...policies.map(({ reference }) => ({ ...reference, uid: '' })),
    ...stored.filter(({ namespace }) => namespaces.has(namespace)),
  ];
  if (references.length === 0) return;
  const { revision, deleted } = await clients.policy().delete({ policies: references });
  const names = deleted.map((reference) => describePolicies([{ reference, document: '' }]));
  say(names.length === 0 ? 'none of the policies was there' : `deleted ${names.join(', ')}`);
  if (revision !== undefined) await revisionEnforced(lab, revision, names.join(', ') || 'no policy', clients, deadline);
}
