import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bookmark, PolicyServiceService, type SubscribeRequest, type SubscribeResponse } from '@myelin/contracts/policy';
import { zeroRevision } from '@myelin/revision';
import { Channel, Mailbox, RpcServer } from '@myelin/rpc';
import { implementPart } from '@myelin/rpc/testing';
import { Metrics, MyelinError, Readiness, silentLog } from '@myelin/service';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PolicySubscription } from './policy-subscription.ts';

let folder: string;
let cleanUp: (() => unknown)[];
let wanted: number[];
/** Subjects of the batches that came. */
let batches: (readonly number[])[];
/** By stream: what the node asked, and the way to answer. */
let streams: { asked: SubscribeRequest[]; answers: Mailbox<SubscribeResponse> }[];
let subscription: PolicySubscription;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'myelin-subscription-'));
  cleanUp = [() => rm(folder, { recursive: true })];
  [wanted, batches, streams] = [[300], [], []];
  const subscribe = (requests: AsyncIterable<SubscribeRequest>) => {
    const stream = { asked: [] as SubscribeRequest[], answers: new Mailbox<SubscribeResponse>() };
    streams.push(stream);
    void (async () => {
      for await (const request of requests) stream.asked.push(request);
    })().catch(() => {});
    return stream.answers;
  };
  const common = { log: silentLog, readiness: new Readiness() };
  const socket = join(folder, 'socket');
  const services = [implementPart(PolicyServiceService, { subscribe })];
  const server = new RpcServer({ service: 'tested', listenUnix: socket, services, meter: new Metrics('test').meter, ...common });
  await server.start();
  const channel = new Channel('policy-compiler', `unix:${socket}`);
  subscription = new PolicySubscription({
    node: 'n1',
    channel,
    wishes: () => ({ subjects: wanted, policyRevision: zeroRevision, identityRevision: zeroRevision, held: new Map() }),
    onBatch: async ({ subjects }) => {
      batches.push(subjects);
    },
    ...common,
  });
  subscription.start();
  cleanUp.push(
    () => server.stop(AbortSignal.timeout(0)),
    () => channel.close(),
    () => subscription.stop(),
  );
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

/** The stream with this index, once the node has asked this often on it. */
async function stream(index: number, requests: number) {
  await expect.poll(() => streams[index]?.asked.length).toBe(requests);
  return streams[index]!.answers;
}
const bookmark = (request: number): SubscribeResponse => ({ message: { $case: 'bookmark', value: Bookmark.fromPartial({ request }) } });

it('a state is complete for the subjects of the request that it answers, not for those that are wanted when it comes (C6)', async () => {
  const answers = await stream(0, 1);
  wanted = [300, 301];
  subscription.ask();
  await stream(0, 2);
  for (const request of [1, 1, 2, 2]) answers.push(bookmark(request));
  await expect.poll(() => batches).toEqual([[300], [300], [300, 301], [300, 301]]);
});

it('a state is not complete for a subject that a later request left out, though the one after it has it again: the next state is made without it (C6)', async () => {
  const answers = await stream(0, 1);
  wanted = [301];
  subscription.ask();
  await stream(0, 2);
  wanted = [300, 301];
  subscription.ask();
  await stream(0, 3);
  for (const request of [1, 2, 3]) answers.push(bookmark(request));
  await expect.poll(() => batches).toEqual([[], [301], [300, 301]]);
});

it('a stream that is opened again counts anew', async () => {
  wanted = [301];
  subscription.ask();
  (await stream(0, 2)).fail(new MyelinError('unavailable', 'gone'));
  wanted = [302];
  (await stream(1, 1)).push(bookmark(1));
  await expect.poll(() => batches).toEqual([[302]]);
});
