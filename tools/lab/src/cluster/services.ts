import { isMyelinError } from '@myelin/rpc';
import { LabFailure } from '../failure.ts';
import { fabric } from '../plan/address-plan.ts';
import { type LabObjects, podKey } from '../plan/objects.ts';
import { endpointSlices, sliceChanges, withClusterIps } from '../plan/services.ts';
import type { Announcement } from './announced.ts';
import { type LoadBalancingClient, untilAnswered } from './clients.ts';
import { saveState } from './lab.ts';
import type { PodContext } from './pod.ts';

/** What Services are changed with. */
interface ServiceContext extends PodContext {
  readonly say: (text: string) => void;
}

/** An object's document (JSON), and what people call it. */
interface Document {
  readonly what: string;
  readonly document: string;
}

/** Documents of one call: the controller answers nobody while it reads them. */
const documentsAtATime = 500;

type References = Parameters<LoadBalancingClient['delete']>[0]['objects'];

/** Hands documents to the controller; what nodes have to apply then. */
async function send({ clients, deadline }: PodContext, documents: readonly Document[]): Promise<readonly Announcement[]> {
  const announced: Announcement[] = [];
  for (let at = 0; at < documents.length; at += documentsAtATime) {
    const part = documents.slice(at, at + documentsAtATime);
    try {
      const call = () => clients.loadBalancing().apply({ documents: part.map(({ document }) => document) });
      const { revision } = await untilAnswered(deadline, part[0]!.what, call);
      announced.push(announcementOf(part, revision));
    } catch (error) {
      if (!isMyelinError(error)) throw error;
      throw new LabFailure(`the load-balancing controller refuses the Services: ${error.message}`, undefined, { cause: error });
    }
  }
  return announced;
}

/** Has the controller forget objects; which of them were there, and what nodes have to apply then. */
async function take({ clients, deadline }: PodContext, objects: References) {
  const { deleted, revision } = await untilAnswered(deadline, nameOf(objects[0]!), () => clients.loadBalancing().delete({ objects }));
  const what = objects.map((object) => ({ what: `removal of ${nameOf(object)}` }));
  return { deleted, announced: [announcementOf(what, revision)] };
}

function announcementOf(objects: readonly { readonly what: string }[], revision: Announcement['revision'] | undefined): Announcement {
  const more = objects.length === 1 ? '' : ` and ${objects.length - 1} more`;
  return { stream: 'services', what: `${objects[0]!.what}${more}`, revision: revision! };
}

/** Plays the API server: gives Services their ClusterIPs and hands them, and slices that somebody wrote, to the controller. */
export async function applyServices(
  context: ServiceContext,
  objects: Pick<LabObjects, 'services' | 'slices'>,
): Promise<readonly Announcement[]> {
  const { lab, say } = context;
  const { state } = lab;
  if (objects.services.length + objects.slices.length === 0) return [];
  const { services, without } = withClusterIps(objects.services, state.services, fabric.services);
  for (const line of without) say(line);
  const announced = await send(context, [
    ...services.map(({ service, document }) => ({ what: `Service ${podKey(service)}`, document })),
    ...objects.slices.map((slice) => ({ what: `EndpointSlice ${podKey(slice)}`, document: slice.document })),
  ]);
  const named = new Set(services.map(({ service }) => podKey(service)));
  state.services = [...state.services.filter(({ service }) => !named.has(podKey(service))), ...services];
  state.writtenSlices = [...new Set([...state.writtenSlices, ...objects.slices.map(podKey)])].sort();
  saveState(lab);
  return announced;
}

/** Plays the EndpointSlice controller: tells what has changed since it was told last. `leaving`: UIDs of pods that are about to be deleted. */
export async function publishEndpoints(context: PodContext, leaving: ReadonlySet<string> = new Set()): Promise<readonly Announcement[]> {
  const { state } = context.lab;
  const now = endpointSlices(state.services, state.pods, leaving);
  const { changed, gone } = sliceChanges(state.slices, now);
  if (changed.length + gone.length === 0) return [];
  const documents = changed.map((key) => ({ what: `EndpointSlice ${key}`, document: now.get(key)! }));
  const sent = await send(context, documents);
  const references = gone.map((key) => referenceOf('EndpointSlice', key));
  const taken = gone.length === 0 ? [] : (await take(context, references)).announced;
  state.slices = Object.fromEntries(now);
  saveState(context.lab);
  return [...sent, ...taken];
}

/** Takes Services and written slices away: those named, and those of namespaces that go. What isn't there is passed over with a word. */
export async function deleteServices(
  context: ServiceContext,
  objects: Pick<LabObjects, 'services' | 'slices'>,
  namespaces: ReadonlySet<string>,
): Promise<readonly Announcement[]> {
  const { lab, say } = context;
  const { state } = lab;
  const goes = (key: string) => namespaces.has(key.split('/')[0]!);
  const stored = state.services.map(({ service }) => podKey(service));
  const services = [...new Set([...objects.services.map(({ service }) => podKey(service)), ...stored.filter(goes)])];
  const slices = [...new Set([...objects.slices.map(podKey), ...state.writtenSlices.filter(goes)])];
  if (services.length + slices.length === 0) return [];
  const { deleted, announced } = await take(context, [
    ...services.map((key) => referenceOf('Service', key)),
    ...slices.map((key) => referenceOf('EndpointSlice', key)),
  ]);
  state.services = state.services.filter(({ service }) => !services.includes(podKey(service)));
  state.writtenSlices = state.writtenSlices.filter((key) => !slices.includes(key));
  saveState(lab);
  say(deleted.length === 0 ? 'none of the Services was there' : `deleted ${deleted.map(nameOf).join(', ')}`);
  return announced;
}

function referenceOf(kind: 'Service' | 'EndpointSlice', key: string): References[number] {
  const [namespace = '', name = ''] = key.split('/');
  return { kind, namespace, name };
}

const nameOf = ({ kind, namespace, name }: References[number]) => `${kind} ${namespace}/${name}`;
