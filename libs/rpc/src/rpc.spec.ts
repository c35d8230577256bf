import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HealthService } from '@myelin/contracts/health';
import { IdentityServiceService, type ListResponse, type WatchResponse } from '@myelin/contracts/identity';
import { PolicyServiceService, SubscribeResponse } from '@myelin/contracts/policy';
import { type ErrorCode, Metrics, MyelinError, Readiness, silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Channel, clientOf, type Handlers, Mailbox, parseTarget, RpcServer } from './index.ts';
import { implementPart } from './testing/index.ts';

const identities: ListResponse = { identities: [{ number: 300, labels: ['k8s:app=a'] }], revision: { incarnation: 7n, counter: 2n } };
type IdentityHandlers = Handlers<typeof IdentityServiceService>;

let folder: string;
let cleanUp: (() => unknown)[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'myelin-rpc-'));
  cleanUp = [() => rm(folder, { recursive: true })];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

async function serve(handlers: Partial<IdentityHandlers>, policies: Partial<Handlers<typeof PolicyServiceService>> = {}, port = 0) {
  const readiness = new Readiness();
  const server = new RpcServer({
    service: 'tested',
    listen: { host: '127.0.0.1', port },
    security: 'insecure',
    listenUnix: join(folder, 'socket'),
    services: [
      implementPart(IdentityServiceService, { list: () => identities, ...handlers }),
      implementPart(PolicyServiceService, policies),
    ],
    readiness,
    log: silentLog,
    meter: new Metrics('test').meter,
  });
  await server.start();
  cleanUp.push(() => server.stop(AbortSignal.timeout(0)));
  return { server, readiness };
}

function open(target: string): Channel {
  const channel = new Channel('tested', parseTarget(target)!, 'insecure');
  cleanUp.push(() => channel.close());
  return channel;
}

describe('a unary call', () => {
  it('answers over TCP and over a unix socket that only the owner may open', async () => {
    const { server } = await serve({});
    const socket = join(folder, 'socket');
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    for (const target of [`127.0.0.1:${server.port}`, `unix:${socket}`]) {
      expect(await clientOf(IdentityServiceService, open(target)).list({ labels: [] })).toEqual(identities);
    }
  });

  it('carries the code and message of a MyelinError to the caller', async () => {
    const codes: ErrorCode[] = ['already_exists', 'failed_precondition', 'aborted', 'unavailable', 'resource_exhausted'];
    let next: ErrorCode;
    const { server } = await serve({
      get: () => {
        throw new MyelinError(next, `because of ${next}`);
      },
    });
    const client = clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`));
    for (next of codes)
      await expect(client.get({ number: 1 })).rejects.toMatchObject({ name: 'MyelinError', code: next, message: `because of ${next}` });
  });

  it('keeps the text of an unforeseen error inside the server', async () => {
    const { server } = await serve({
      get: () => {
        throw new TypeError('secret inner detail');
      },
    });
    const call = clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`)).get({ number: 1 });
    await expect(call).rejects.toMatchObject({ code: 'internal', message: 'internal error: see the log of tested' });
  });

  it('fails after its deadline with the name of the peer', async () => {
    const { server } = await serve({ get: () => new Promise(() => {}) });
    const client = clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`));
    await expect(client.get({ number: 1 }, { deadlineMs: 50 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: expect.stringContaining(`tested at 127.0.0.1:${server.port}`),
    });
  });

  it('says who is not there', async () => {
    const client = clientOf(IdentityServiceService, open(`unix:${join(folder, 'nobody')}`));
    await expect(client.get({ number: 1 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/tested at unix:.* can't be reached/),
    });
  });

  it('can be cancelled, which the handler sees', async () => {
    let seen: AbortSignal | undefined;
    const { server } = await serve({
      get: (_request, { signal }) => {
        seen = signal;
        return new Promise(() => {});
      },
    });
    const abort = new AbortController();
    const call = clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`)).get({ number: 1 }, { signal: abort.signal });
    await expect.poll(() => seen).toBeDefined();
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => seen!.aborted).toBe(true);
  });
});

describe('two replicas', () => {
  it('share the calls, and one alone takes all once the other has stopped', async () => {
    const counts = [0, 0];
    const handlerOf = (i: number) => ({
      list: () => {
        counts[i]!++;
        return identities;
      },
    });
    const one = await serve(handlerOf(0));
    await rm(join(folder, 'socket'));
    const two = await serve(handlerOf(1));
    const client = clientOf(IdentityServiceService, open(`127.0.0.1:${one.server.port},127.0.0.1:${two.server.port}`));
    await expect.poll(() => client.list({ labels: [] }).then(() => counts.every((count) => count > 0))).toBe(true);
    await one.server.stop(AbortSignal.timeout(1000));
    counts.fill(0);
    for (let i = 0; i < 20; i++) await client.list({ labels: [] });
    expect(counts).toEqual([0, 20]);
  });
});

describe('a server behind a unix socket', () => {
  it('that is busy for seconds is not given up in the middle of a stream', async () => {
    const path = join(folder, 'busy');
    const worker = new Worker(new URL('./testing/busy-server.ts', import.meta.url), { workerData: path });
    cleanUp.push(() => worker.terminate());
    await once(worker, 'message');
    const events: unknown[] = [];
    for await (const { event } of clientOf(IdentityServiceService, open(`unix:${path}`)).watch({})) events.push(event?.value);
    expect(events).toEqual([1, 2]);
  });
});

describe('a stream', () => {
  const update = (number: number): WatchResponse => ({ event: { $case: 'removed', value: number }, revision: undefined });

  it('gives all messages in order, ends, and holds a fast sender back', async () => {
    let produced = 0;
    const { server } = await serve({
      async *watch() {
        for (; produced < 200_000; produced++) yield update(produced);
      },
    });
    let received = 0;
    for await (const { event } of clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`)).watch({})) {
      expect(event).toEqual({ $case: 'removed', value: received });
      if (received === 0) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect(produced).toBeLessThan(150_000);
      }
      if (++received === 20_000) break;
    }
    expect(received).toBe(20_000);
  });

  it('ends the handler when the caller leaves the loop', async () => {
    let ended = false;
    const { server } = await serve({
      async *watch(_request, { signal }) {
        yield update(1);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        ended = true;
      },
    });
    for await (const _ of clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`)).watch({})) break;
    await expect.poll(() => ended).toBe(true);
  });

  it('is ended with UNAVAILABLE by a server that stops, even when the handler hangs', async () => {
    const { server } = await serve({
      async *watch() {
        yield update(1);
        await new Promise(() => {});
      },
    });
    const read = async () => {
      for await (const _ of clientOf(IdentityServiceService, open(`127.0.0.1:${server.port}`)).watch({}))
        void server.stop(AbortSignal.timeout(5000));
    };
    await expect(read()).rejects.toMatchObject({ code: 'unavailable', message: 'tested is stopping' });
  });

  it('answers in both directions', async () => {
    const { server } = await serve(
      {},
      {
        subscribe: async function* (requests) {
          for await (const { subjects } of requests) {
            for (const subject of subjects) yield SubscribeResponse.fromPartial({ message: { $case: 'removed', value: subject } });
          }
        },
      },
    );
    const requests = new Mailbox<
      Parameters<Handlers<typeof PolicyServiceService>['subscribe']>[0] extends AsyncIterable<infer R> ? R : never
    >();
    const ask = (...subjects: number[]) =>
      requests.push({ node: 'n', subjects, policyRevision: undefined, identityRevision: undefined, held: {} });
    ask(1, 2);
    const seen: unknown[] = [];
    for await (const { message } of clientOf(PolicyServiceService, open(`127.0.0.1:${server.port}`)).subscribe(requests)) {
      seen.push(message?.value);
      if (seen.length === 2) ask(3);
      if (seen.length === 3) requests.close();
    }
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('a TCP address', () => {
  it('that another process has is refused in one sentence', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as { port: number };
    await expect(serve({}, {}, port)).rejects.toMatchObject({
      code: 'already_exists',
      message: `another process listens on 127.0.0.1:${port}: stop it or choose another address`,
    });
    holder.close();
  });
});

describe('a unix socket path', () => {
  it('is taken over from a dead process', async () => {
    const path = join(folder, 'socket');
    const holder = createServer().listen(path);
    await new Promise((resolve) => holder.once('listening', resolve));
    await expect(serve({})).rejects.toMatchObject({ code: 'already_exists', message: expect.stringContaining('another process listens') });
    const { stdout } = await import('node:child_process').then(({ spawnSync }) =>
      spawnSync(
        process.execPath,
        [
          '-e',
          `require('net').createServer().listen(${JSON.stringify(join(folder, 'dead'))}, () => { console.log('up'); process.kill(process.pid, 'SIGKILL') })`,
        ],
        {
          encoding: 'utf8',
        },
      ),
    );
    expect(stdout).toBe('up\n');
    holder.close();
    await import('node:fs/promises').then(({ rename }) => rename(join(folder, 'dead'), path));
    await serve({});
    expect(await clientOf(IdentityServiceService, open(`unix:${path}`)).list({ labels: [] })).toEqual(identities);
  });

  it('is not taken from something that is no socket', async () => {
    await writeFile(join(folder, 'socket'), 'precious');
    await expect(serve({})).rejects.toMatchObject({ code: 'already_exists', message: expect.stringContaining('is no socket') });
  });
});

describe('health', () => {
  it('follows readiness', async () => {
    const { server, readiness } = await serve({});
    const health = clientOf(HealthService, open(`127.0.0.1:${server.port}`));
    expect(await health.check({ service: '' })).toEqual({ status: 1 });
    const redis = readiness.condition('redis', 'not connected');
    expect(await health.check({ service: '' })).toEqual({ status: 2 });
    const seen: number[] = [];
    for await (const { status } of health.watch({ service: '' })) {
      seen.push(status);
      if (seen.length === 1) redis.ready();
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([2, 1]);
  });
});

describe('a target', () => {
  it.each([
    ['127.0.0.1:7001', 'ipv4:127.0.0.1:7001'],
    ['127.0.0.1:7001,127.0.0.2:7001', 'ipv4:127.0.0.1:7001,127.0.0.2:7001'],
    ['[::1]:7001', 'ipv6:[::1]:7001'],
    ['allocator.myelin:7001', 'dns:allocator.myelin:7001'],
    ['unix:/run/a', 'unix:/run/a'],
    ['127.0.0.1:7001,[::1]:7001', null],
    ['a:1,b:2', null],
    [':7001', null],
    ['127.0.0.1', null],
    ['unix:relative', null],
  ])('%s is read as %s', (text, target) => expect(parseTarget(text)).toBe(target));
});
