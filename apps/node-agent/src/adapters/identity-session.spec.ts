import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IdentityServiceService, type PresentStateRequest, RegisterNodeResponse, type Session } from '@myelin/contracts/identity';
import { Channel, type Handlers, RpcServer } from '@myelin/rpc';
import { implementPart } from '@myelin/rpc/testing';
import { type ErrorCode, Metrics, MyelinError, Readiness, StatusServer, silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IdentitySession, type IdentitySessionOptions, type ReportedRevisions } from './identity-session.ts';
import { StateFolder } from './state-folder.ts';

// A real server that answers as it is told: an allocator refuses for most of these reasons only when somebody has misconfigured it.

type Service = Handlers<typeof IdentityServiceService>;
/** What a call was: its name and its session. */
type Sent = readonly [call: string, registration: bigint, counter: bigint];

const never = AbortSignal.any([]);
const web = { uid: 'a', namespace: 'shop', name: 'web', labels: ['k8s:app=web'], addresses: [], claimed: 0 };
let folder: string;
let cleanUp: (() => unknown)[];
let sent: Sent[];
/** Answers of the calls to come, first to last; none left: success. */
let refusals: ErrorCode[];
let metrics: Metrics;
let session: IdentitySession;
/** Another process' session, with the same state folder. */
let restarted: () => IdentitySession;
/** Answers of the registrations to come; none left: success. */
let registrationsLost: number;
/** What each registration came to, as the agent takes it. */
let continued: boolean[];

/** Answers the next call. */
function answer(call: string, { registration, counter }: Session): void {
  sent.push([call, registration, counter]);
  const code = refusals.shift();
  if (code !== undefined) throw new MyelinError(code, `refused as ${code}`);
}

/** How often the allocator asks before it registers; what it is told, and what it says that it knows. */
let questions = 0;
let presented: PresentStateRequest[];
let asked: ReportedRevisions[];
let losses: number;
/** Whether the allocator lets peers see the node at once; calls of ActivateNode; what the node waits for before. */
let isActive: boolean;
let activations: number;
let confirmed: PromiseWithResolvers<void>;

beforeEach(async () => {
  [questions, presented, asked, losses] = [0, [], [], 0];
  [isActive, activations, confirmed] = [true, 0, Promise.withResolvers()];
  folder = await mkdtemp(join(tmpdir(), 'myelin-session-'));
  cleanUp = [() => rm(folder, { recursive: true })];
  sent = [];
  refusals = [];
  metrics = new Metrics('myelin');
  let registrations = 0n;
  [registrationsLost, continued] = [0, []];
  const service: Partial<Service> = {
    registerNode: () => {
      if (questions-- > 0)
        return RegisterNodeResponse.fromPartial({ present: true, knownIdentityRevision: { incarnation: 7n, counter: 2n } });
      registrations++;
      if (registrationsLost-- > 0) throw new MyelinError('unavailable', 'carried out, and not answered');
      return RegisterNodeResponse.fromPartial({ registration: registrations, continued: true, active: isActive });
    },
    activateNode: () => {
      activations += 1;
      if (activations === 1) throw new MyelinError('unavailable', 'behind');
      return { revision: { incarnation: 7n, counter: 4n } };
    },
    presentState: (request) => {
      presented.push(request);
      return { wanted: true };
    },
    allocate: (request) => {
      answer('Allocate', request.session!);
      return { identity: 300, identityRevision: undefined, endpointRevision: undefined, identityApplied: true };
    },
    moveAddresses: (request) => {
      answer('MoveAddresses', request.session!);
      return { endpointRevision: undefined };
    },
    release: (request) => {
      answer(`Release ${request.endpointUid}`, request.session!);
      return { endpointRevision: undefined };
    },
    reportApplied: (request) => {
      answer('ReportApplied', request.session!);
      return {};
    },
  };
  const common = { log: silentLog, meter: metrics.meter, readiness: new Readiness() };
  const socket = join(folder, 'socket');
  const services = [implementPart(IdentityServiceService, service)];
  const server = new RpcServer({ service: 'tested', listen: null, listenUnix: socket, services, ...common });
  await server.start();
  const channel = new Channel('identity-allocator', `unix:${socket}`);
  const node = { name: 'n1', uid: 'n1-uid', addresses: [] };
  const state = new StateFolder(join(folder, 'state'));
  const options: Omit<IdentitySessionOptions, 'onRegistered'> = {
    node,
    blocks: { known: async () => [] },
    channel,
    state,
    ...common,
    refusedRetryMs: 1,
    known: (beyond) => {
      asked.push(beyond);
      const revision = { incarnation: 7n, counter: 3n };
      const rows = Array.from({ length: 2500 }, (_, i) => ({ kind: 'identities', key: `${i}`, revision, payload: Buffer.alloc(0) }));
      return { claims: [{ endpointUid: 'a', numbers: [{ number: 300, labels: ['k8s:a=b'], revision }] }], rows };
    },
    onLoss: () => {
      losses += 1;
    },
    confirmed: () => confirmed.promise,
  };
  restarted = () => {
    const another = new IdentitySession({ ...options, readiness: new Readiness(), onRegistered: (kept) => continued.push(kept) });
    cleanUp.push(() => another.stop());
    return another;
  };
  cleanUp.push(
    () => server.stop(AbortSignal.timeout(0)),
    () => channel.close(),
  );
  session = restarted();
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

/** `myelin_identity_refusals_total` by call and code. */
async function refusalCounts(): Promise<Record<string, number>> {
  const server = new StatusServer({ host: '127.0.0.1', port: 0 }, metrics, new Readiness());
  await server.start();
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  await server.stop();
  const lines = text.matchAll(/^myelin_identity_refusals_total\{call="(\w+)",code="(\w+)"\} (\d+)/gm);
  return Object.fromEntries([...lines].map(([, call, code, count]) => [`${call} ${code}`, Number(count)]));
}

describe('C1: a node that its peers do not see yet', () => {
  it('claims what it had, asks for nothing new, and is made visible when all of that is confirmed', async () => {
    isActive = false;
    await session.allocate({ ...web, claimed: 300 }, never);
    const fresh = session.allocate({ ...web, uid: 'b' }, never);
    await session.release('c', 0, never);
    expect(sent.map(([call]) => call)).toEqual(['Allocate', 'Release c']);
    expect([activations, session.registrationRevision]).toEqual([0, null]);
    confirmed.resolve();
    await fresh;
    expect(activations).toBe(2);
    expect(session.registrationRevision).toEqual({ incarnation: 7n, counter: 4n });
    expect(sent.map(([call]) => call)).toEqual(['Allocate', 'Release c', 'Allocate']);
  });
});

describe('C4: an allocator that has lost its rows', () => {
  it('is told all that the node knows beyond what it says it has, the claims last, until it registers', async () => {
    questions = 2;
    await session.release('a', 0, never);
    expect(losses).toBe(2);
    expect(asked[0]).toMatchObject({ identities: { incarnation: 7n, counter: 2n }, endpoints: undefined });
    expect(presented.map(({ rows, claims, last }) => [rows.length, claims.length, last])).toEqual([
      [2000, 0, false],
      [500, 1, true],
      [2000, 0, false],
      [500, 1, true],
    ]);
    expect(presented[1]!.claims[0]).toMatchObject({ endpointUid: 'a', numbers: [{ number: 300, labels: ['k8s:a=b'] }] });
    expect(sent).toEqual([['Release a', 1n, 1n]]);
  });
});

describe('a call that is refused', () => {
  it('because the session is over is sent again under a new registration (C1)', async () => {
    refusals = ['aborted'];
    await session.release('a', 0, never);
    expect(sent).toEqual([
      ['Release a', 1n, 1n],
      ['Release a', 2n, 1n],
    ]);
    expect(await refusalCounts()).toEqual({ 'Release aborted': 1 });
  });

  it('because another call has renewed the session meanwhile does not renew it once more', async () => {
    refusals = ['aborted', 'aborted', 'aborted'];
    await Promise.all(['a', 'b', 'c'].map((uid) => session.release(uid, 0, never)));
    expect(Math.max(...sent.map(([, registration]) => Number(registration)))).toBe(2);
    expect(sent).toHaveLength(6);
  });

  it.each(['permission_denied', 'unauthenticated', 'internal', 'unimplemented', 'unknown'] as const)(
    'until somebody mends that (%s) is sent again in the background, and refused at once to whoever waits',
    async (code) => {
      refusals = [code, code];
      await session.release('a', 0, never);
      expect(sent).toHaveLength(3);
      expect(await refusalCounts()).toEqual({ [`Release ${code}`]: 2 });
      refusals = [code];
      await expect(session.allocate(web, never)).rejects.toMatchObject({ code });
    },
  );

  it.each(['invalid_argument', 'not_found', 'failed_precondition', 'already_exists'] as const)(
    'for good (%s) is thrown and counted, not sent again',
    async (code) => {
      refusals = [code, code];
      await expect(session.release('a', 0, never)).rejects.toMatchObject({ code });
      await expect(session.moveAddresses('a', 301, never)).rejects.toMatchObject({ code });
      expect(sent).toHaveLength(2);
      expect(await refusalCounts()).toEqual({ [`Release ${code}`]: 1, [`MoveAddresses ${code}`]: 1 });
    },
  );
});

it('a report of a session that is over is thrown, and the next one is made under a new registration (C1)', async () => {
  refusals = ['aborted'];
  await expect(session.report({})).rejects.toMatchObject({ code: 'aborted' });
  await session.report({});
  expect(sent).toEqual([
    ['ReportApplied', 1n, 1n],
    ['ReportApplied', 2n, 1n],
  ]);
});

describe('that all is kept that the node has', () => {
  it('is believed of the first registration that is sent, and of one after an answered one (C1)', async () => {
    await session.report({});
    await restarted().report({});
    expect(continued).toEqual([true, true]);
  });

  it('is not believed after one that nobody answered: that may have found nothing (C1)', async () => {
    registrationsLost = 1;
    await session.report({});
    expect(continued).toEqual([false]);
    await restarted().report({});
    expect(continued).toEqual([false, true]);
  });

  it('is not believed after one that an earlier process heard no answer to (C1)', async () => {
    registrationsLost = 1000;
    session.start();
    await expect.poll(() => registrationsLost).toBeLessThan(1000);
    await session.stop();
    registrationsLost = 0;
    await restarted().report({});
    expect(continued).toEqual([false]);
  });
});

describe('a call that nobody answers', () => {
  it('is sent again as it was; one that contradicts it raises the counter first, even when it was answered in the end: its first sending may still be under way (C1)', async () => {
    refusals = ['unavailable'];
    await session.allocate(web, never);
    const givenUp = new AbortController();
    refusals = ['unavailable', 'unavailable', 'unavailable', 'unavailable'];
    const unanswered = session.moveAddresses('a', 300, givenUp.signal);
    await expect.poll(() => sent.length).toBe(3);
    givenUp.abort();
    await expect(unanswered).rejects.toThrow();
    refusals = [];
    await session.release('a', 0, never);
    expect(sent).toEqual([
      ['Allocate', 1n, 1n],
      ['Allocate', 1n, 1n],
      ['MoveAddresses', 1n, 2n],
      ['Release a', 1n, 3n],
    ]);
    expect(await refusalCounts()).toEqual({});
  });
});
