import { isMyelinError } from '@myelin/rpc';
import { LabFailure } from '../failure.ts';
import { fabric } from '../plan/address-plan.ts';
import { type LabObjects, podKey } from '../plan/objects.ts';
import { endpointSlices, sliceChanges, withClusterIps } from '../plan/services.ts';
import type { LoadBalancingClient } from './clients.ts';
import { untilAnswered } from './clients.ts';
import type { Deadline } from './deadline.ts';
import { saveState } from './lab.ts';
import type { PodContext } from './pod.ts';

/** What Services are changed with. */
interface ServiceContext extends PodContext {
  readonly say: (text: string) => void;
}

/** Documents of one call: the controller answers nobody while it reads them. */
const documentsAtATime = 500;

type Call = Parameters<LoadBalancingClient['delete']>[0]['objects'];

async function send(
  { clients, deadline }: { readonly clients: PodContext['clients']; readonly deadline: Deadline },
  documents: readonly string[],
): Promise<void> {
  for (let at = 0; at < documents.length; at += documentsAtATime) {
    const part = documents.slice(at, at + documentsAtATime);
    try {
      await untilAnswered(deadline, 'Services', () => clients.loadBalancing().apply({ documents: part }));
    } catch (error) {
      if (!isMyelinError(error)) throw error;
      throw new LabFailure(`the load-balancing controller refuses the Services: ${error.message}`, undefined, { cause: error });
    }
  }
}

const take = ({ clients, deadline }: PodContext, objects: Call) =>
  untilAnswered(deadline, 'Services', () => clients.loadBalancing().delete({ objects }));

/** Plays the API server: gives Services their ClusterIPs and hands them, and slices that somebody wrote, to the controller. */
export async function applyServices(context: ServiceContext, objects: Pick<LabObjects, 'services' | 'slices'>): Promise<void> {
  const { lab, say } = context;
  const { state } = lab;
  if (objects.services.length + objects.slices.length === 0) return;
  const { services, without } = withClusterIps(objects.services, state.services, fabric.services);
  for (const line of without) say(line);
  await send(context, [...services.map(({ document }) => document), ...objects.slices.map(({ document }) => document)]);
  const named = new Set(services.map(({ service }) => podKey(service)));
  state.services = [...state.services.filter(({ service }) => !named.has(podKey(service))), ...services];
  state.writtenSlices = [...new Set([...state.writtenSlices, ...objects.slices.map(podKey)])].sort();
  saveState(lab);
}

/** Plays the EndpointSlice controller: tells what has changed since it was told last. `leaving`: UIDs of pods that are about to be deleted. */
export async function publishEndpoints(context: PodContext, leaving: ReadonlySet<string> = new Set()): Promise<void> {
  const { lab } = context;
  const now = endpointSlices(lab.state.services, lab.state.pods, leaving);
  const { documents, gone } = sliceChanges(lab.state.slices, now);
  if (documents.length > 0) await send(context, documents);
  if (gone.length > 0)
    await take(
      context,
      gone.map((key) => referenceOf('EndpointSlice', key)),
    );
  if (documents.length + gone.length === 0) return;
  lab.state.slices = Object.fromEntries(now);
  saveState(lab);
}

/** Takes Services and written slices away: those named, and those of namespaces that go. What isn't there is passed over with a word. */
export async function deleteServices(
  context: ServiceContext,
  objects: Pick<LabObjects, 'services' | 'slices'>,
  namespaces: ReadonlySet<string>,
): Promise<void> {
  const { lab, say } = context;
  const { state } = lab;
  const goes = goingWith(namespaces);
  const services = keysOf([
    ...objects.services.map(({ service }) => service),
    ...state.services.map(({ service }) => service).filter(goes),
  ]);
  const slices = keysOf([...objects.slices, ...state.writtenSlices.map(nameOf).filter(goes)]);
  if (services.length + slices.length === 0) return;
  const { deleted } = await take(context, [
    ...services.map((key) => referenceOf('Service', key)),
    ...slices.map((key) => referenceOf('EndpointSlice', key)),
  ]);
  state.services = state.services.filter(({ service }) => !services.includes(podKey(service)));
  state.writtenSlices = state.writtenSlices.filter((key) => !slices.includes(key));
  saveState(lab);
  const names = deleted.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`);
  say(names.length === 0 ? 'none of the Services was there' : `deleted ${names.join(', ')}`);
}

const goingWith =
  (namespaces: ReadonlySet<string>) =>
  ({ namespace }: { readonly namespace: string }) =>
    namespaces.has(namespace);

const keysOf = (objects: readonly { readonly namespace: string; readonly name: string }[]) => [...new Set(objects.map(podKey))];

function nameOf(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

const referenceOf = (kind: 'Service' | 'EndpointSlice', key: string) => ({ kind, ...nameOf(key) });
