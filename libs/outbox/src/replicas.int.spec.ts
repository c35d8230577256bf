import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Revision } from '@myelin/contracts/types';
import { compareRevisions, includesRevision } from '@myelin/revision';
import { Lifecycle, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, eventually, startNats, startRedis } from '@myelin/service/testing';
import { NatsLink, type StreamBatch, StreamConsumer, streamKinds } from '@myelin/state-stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RedisLink, RowTable, Store } from './index.ts';

// Two relays of one kind, each a process of its own, on real Redis and NATS, while rows change without a pause.

const { identities } = streamKinds;
const relayProcess = join(import.meta.dirname, 'testing', 'relay-process.ts');
const rounds = process.env.MYELIN_NIGHTLY === '1' ? 20 : 1;
const timeout = { timeout: 30_000 * (rounds + 1) };

let redis: ChildServer;
let nats: ChildServer;
let relays: ChildProcess[];
let redisLink: RedisLink;
let link: NatsLink;
let table: RowTable<{ number: number; labels: string[] }>;
let lifecycle: Lifecycle;
let churn: { readonly stop: () => Promise<void> };

beforeEach(async () => {
  [redis, nats] = await Promise.all([startRedis(), startNats()]);
  const common = { log: silentLog, readiness: new Readiness() };
  redisLink = new RedisLink({ url: redis.url, ...common });
  link = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', ...common });
  const store = new Store({ redis: redisLink, nats: link, recovery: null, ...common });
  lifecycle = new Lifecycle([redisLink, link, store], { log: silentLog, stopDeadlineMs: 5000 });
  await lifecycle.start();
  table = new RowTable(identities, store);
  relays = [];
  // The first one has the lease before there is a second one.
  relays.push(startRelay());
  await eventually(holder);
  relays.push(startRelay());
  churn = startChurn();
});
afterEach(async () => {
  await churn.stop();
  for (const relay of relays) await kill(relay);
  await lifecycle.stop();
  await Promise.all([redis.stop(), nats.stop()]);
});

function startRelay(): ChildProcess {
  return spawn(process.execPath, [relayProcess, redis.url, nats.url], { stdio: 'ignore' });
}

async function kill(relay: ChildProcess): Promise<void> {
  if (relay.exitCode !== null || relay.signalCode !== null) return;
  const exited = once(relay, 'exit');
  relay.kill('SIGKILL');
  await exited;
}

const holder = () => redisLink.run((client) => client.get('myelin:stream:identities:lease'));
const waiting = () => redisLink.run((client) => client.xlen('myelin:stream:identities:outbox'));

/** The relay that has the lease. */
async function publishing(): Promise<ChildProcess> {
  return eventually(async () => {
    const pid = Number((await holder())?.split(' ')[1]);
    return relays.find((relay) => relay.pid === pid);
  });
}

/** The lease has gone to another relay than `before`, and that one has published something. */
async function takenOver(before: string | null): Promise<void> {
  await eventually(async () => {
    const now = await holder();
    return now !== null && now !== before;
  }, 30_000);
  const published = () => redisLink.run((client) => client.get('myelin:stream:identities:published'));
  const last = await published();
  await eventually(async () => (await published()) !== last, 30_000);
}

/** Changes rows for as long as it isn't stopped. */
function startChurn() {
  let isStopped = false;
  const run = async () => {
    for (let i = 0; !isStopped; i++) {
      const put = { number: 300 + (i % 40), labels: [`k8s:i=${i}`] };
      await table.change(i % 3 === 0 ? [] : [put], i % 3 === 0 ? [`${300 + ((i * 7) % 40)}`] : []).catch(() => sleep(50));
      if (i % 20 === 0) await sleep(1);
    }
  };
  const running = run();
  return {
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}

/** A consumer whose table may only go forward. */
function consume() {
  const seen = new Map<string, string>();
  const revisions = new Map<string, Revision>();
  let reached: Revision | null = null;
  const setBacks: string[] = [];
  const note = (key: string, revision: Revision) => {
    const before = revisions.get(key);
    if (before !== undefined && compareRevisions(revision, before) < 0) setBacks.push(key);
    revisions.set(key, revision);
  };
  const onBatch = ({ changed, removed, revision }: StreamBatch<{ number: number; labels: string[] }>) => {
    for (const one of changed) note(one.key, one.revision);
    for (const one of removed) note(one.key, one.revision);
    for (const { key, row } of changed) seen.set(key, row.labels.join());
    for (const { key } of removed) seen.delete(key);
    if (reached !== null && !includesRevision(revision, reached)) setBacks.push('all');
    reached = revision;
  };
  const stream = new StreamConsumer({ kind: identities, link, log: silentLog, readiness: new Readiness(), onBatch });
  stream.start();
  return { seen, stream, setBacks };
}

/** Ends the churn; then all consumers must come to what Redis holds. */
async function comeToRest(consumers: readonly ReturnType<typeof consume>[]): Promise<void> {
  await churn.stop();
  const { revision, rows } = await eventually(() => table.list());
  const expected = Object.fromEntries(rows.map(({ key, row }) => [key, row.labels.join()]));
  expect(rows.length).toBeGreaterThan(0);
  for (const { stream, seen, setBacks } of consumers) {
    await stream.waitFor(revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual(expected);
    expect(setBacks).toEqual([]);
    await stream.stop();
  }
  await eventually(async () => (await waiting()) === 0);
}

it(
  'C2: a relay that is stopped in mid-publish for longer than its lease is replaced, and wakes without taking anybody back',
  timeout,
  async () => {
    const first = consume();
    for (let i = 0; i < rounds; i++) {
      const stopped = await publishing();
      const before = await holder();
      stopped.kill('SIGUSR2');
      await takenOver(before);
      // Nothing may come that covers up what it does when it wakes.
      await churn.stop();
      await eventually(async () => (await waiting()) === 0);
      stopped.kill('SIGCONT');
      await sleep(500);
      if (i < rounds - 1) churn = startChurn();
    }
    await comeToRest([first, consume()]);
  },
);

it('C2: a relay that is killed is replaced by the one that stands by', timeout, async () => {
  const first = consume();
  for (let i = 0; i < rounds; i++) {
    const killed = await publishing();
    await eventually(async () => (await waiting()) > 0);
    const before = await holder();
    await kill(killed);
    relays.push(startRelay());
    await takenOver(before);
  }
  await comeToRest([first, consume()]);
});

it('C2: NATS is emptied while one relay is stopped, restarted while the other one publishes; all are equal again', timeout, async () => {
  const first = consume();
  for (let i = 0; i < rounds; i++) {
    const stopped = await publishing();
    await eventually(async () => (await waiting()) > 0);
    const before = await holder();
    stopped.kill('SIGSTOP');
    await nats.wipe();
    await takenOver(before);
    stopped.kill('SIGCONT');
    await nats.kill();
    await sleep(200);
    await nats.resume();
    await nats.wipe();
  }
  await comeToRest([first, consume()]);
});

it('C2: NATS is emptied while nothing changes, and whoever comes then finds everything', async () => {
  await eventually(async () => (await table.list()).rows.length > 10);
  await comeToRest([consume()]);
  await nats.wipe();
  const late = consume();
  const { revision, rows } = await table.list();
  await late.stream.waitFor(revision, 30_000);
  expect(late.seen.size).toBe(rows.length);
  await late.stream.stop();
});
