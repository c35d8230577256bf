import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '@myelin/contracts/identity';
import { type Component, Lifecycle, Metrics, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, eventually, startNats, startRedis } from '@myelin/service/testing';
import {
  BucketWriter,
  formatBucket,
  lastSequenceOf,
  listBuckets,
  NatsLink,
  openJetStream,
  StreamConsumer,
  streamKinds,
} from '@myelin/state-stream';
import { connect } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BucketRecovery, RedisLink, Relay, RelayQueue, RowTable, Store } from './index.ts';
import { stateScript } from './script.ts';
import { lookAtIncarnation, openIncarnation } from './scripts/incarnation.lua.ts';
import { recoveryLua, restore, standing } from './scripts/recovery.lua.ts';

const { identities } = streamKinds;
const identity = (number: number, label: string): Identity => ({ number, labels: [label] });

let redis: ChildServer;
let nats: ChildServer;
let cleanUp: (() => Promise<unknown>)[];
beforeEach(async () => {
  [redis, nats] = await Promise.all([startRedis(), startNats()]);
  cleanUp = [() => redis.stop(), () => nats.stop()];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

/** Redis itself, as an operator sees it. */
function raw(): Redis {
  const connection = new Redis(redis.url);
  cleanUp.push(async () => connection.disconnect());
  return connection;
}

/** A publishing service: store, table and, unless told otherwise, relay. */
function publisher(options: { recovers?: boolean; relay?: boolean } = {}) {
  const readiness = new Readiness();
  const common = { log: silentLog, readiness };
  const redisLink = new RedisLink({ url: redis.url, ...common });
  const link = new NatsLink({ url: nats.url, name: 'publisher', security: 'insecure', ...common });
  const recovery = options.recovers ? new BucketRecovery({ scope: 'policy-compiler', kinds: [identities], nats: link }) : null;
  const store = new Store({ redis: redisLink, nats: link, recovery, ...common });
  const components: Component[] = [redisLink, link, store];
  if (options.relay !== false) {
    components.push(new Relay({ kind: identities, redis: redisLink, store, nats: link, meter: new Metrics('test').meter, ...common }));
  }
  const lifecycle = new Lifecycle(components, { log: silentLog, stopDeadlineMs: 5000 });
  cleanUp.push(() => lifecycle.stop());
  void lifecycle.start();
  return { table: new RowTable(identities, store), store, readiness, lifecycle, ready: () => eventually(() => readiness.isReady) };
}

/** A consuming service: its table follows the stream. */
function consumer() {
  const readiness = new Readiness();
  const link = new NatsLink({ url: nats.url, name: 'consumer', security: 'insecure', log: silentLog, readiness });
  const table = new Map<string, string>();
  let removals = 0;
  const stream = new StreamConsumer({
    kind: identities,
    link,
    log: silentLog,
    readiness,
    onBatch: ({ changed, removed }) => {
      for (const { key, row } of changed) table.set(key, row.labels.join());
      for (const { key } of removed) table.delete(key);
      removals += removed.length;
    },
  });
  const lifecycle = new Lifecycle([link, stream], { log: silentLog, stopDeadlineMs: 5000 });
  cleanUp.push(() => lifecycle.stop());
  void lifecycle.start();
  return { table, stream, removals: () => removals };
}

async function withNats<T>(
  act: (manager: Awaited<ReturnType<typeof openJetStream>>, connection: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
  const connection = await connect({ servers: nats.url });
  try {
    return await act(await openJetStream(connection), connection);
  } finally {
    await connection.close();
  }
}
const buckets = () => withNats(async (manager) => (await listBuckets(manager, 'identities')).map(formatBucket));

describe('C2: reconcile', () => {
  /** Takes a row out of the newest bucket, behind everybody's back. */
  const takeOut = (key: string) =>
    withNats(async (manager) => {
      const stream = `KV_${formatBucket((await listBuckets(manager, 'identities')).at(-1)!)}`;
      const { state } = await manager.streams.info(stream);
      for (let seq = 1; seq <= state.last_seq; seq++) {
        const message = await manager.streams.getMessage(stream, { seq }).catch(() => null);
        if (message?.subject.endsWith(key)) await manager.streams.deleteMessage(stream, seq);
      }
    });

  it('publishes again what the bucket has lost, and nothing else', async () => {
    const first = publisher();
    await first.ready();
    const { revision } = await first.table.change([identity(300, 'k8s:a=1'), identity(301, 'k8s:a=2'), identity(302, 'k8s:a=3')], ['302']);
    await first.table.change([identity(302, 'k8s:a=3')], []);
    await eventually(async () => (await raw().xlen('myelin:stream:identities:outbox')) === 0);
    const before = (await first.table.list()).rows;
    await first.lifecycle.stop();
    await takeOut('301');
    // The relay that takes over begins with a round.
    const second = publisher();
    await second.ready();
    const isBack = async () => (await second.table.get(['301']))[0]!.revision.counter > revision.counter;
    await eventually(isBack, 30_000);
    const { table: seen } = consumer();
    await eventually(() => seen.size === 3, 30_000);
    expect(seen.get('301')).toBe('k8s:a=2');
    const { rows } = await second.table.list();
    expect(rows.filter(({ key }) => key !== '301')).toEqual(before.filter(({ key }) => key !== '301'));
  });

  it('lists and queues nothing while rows are on their way back, of whatever service, or something waits; nor what has changed since', async () => {
    const { table, store, ready } = publisher({ relay: false });
    await ready();
    const redisLink = new RedisLink({ url: redis.url, log: silentLog, readiness: new Readiness() });
    cleanUp.push(async () => redisLink.stop());
    redisLink.start();
    const queue = new RelayQueue({ kind: identities, redis: redisLink, store, owner: 'test', log: silentLog });
    const { revision } = await table.change([identity(300, 'k8s:a=1')], []);
    const bucket = { kind: 'identities', incarnation: revision.incarnation, number: 0 };
    expect(await queue.rows(bucket, '0')).toBeNull();
    await raw().del('myelin:stream:identities:outbox');
    const listed = (await queue.rows(bucket, '0'))!;
    expect(listed).toMatchObject({ cursor: '0', rows: [{ key: '300', write: { entry: { revision } } }] });
    await raw().sadd('myelin:recovering', 'ipam');
    expect(await queue.rows(bucket, '0')).toBeNull();
    expect(await queue.queueAgain(bucket, listed.rows)).toBe(0);
    await raw().srem('myelin:recovering', 'ipam');
    expect(await queue.queueAgain({ ...bucket, number: 1 }, listed.rows)).toBe(0);
    await table.change([identity(300, 'k8s:a=2')], []);
    expect(await queue.queueAgain(bucket, listed.rows)).toBe(0);
    await raw().del('myelin:stream:identities:outbox');
    expect(await queue.queueAgain(bucket, (await queue.rows(bucket, '0'))!.rows)).toBe(1);
    expect((await table.list()).revision.counter).toBe(3n);
  });
});

describe('a change', () => {
  it('reaches consumers, in order, with the revision that the writer was told', async () => {
    const { table, ready } = publisher();
    await ready();
    const { table: seen, stream } = consumer();
    const { revision } = await table.change([identity(300, 'k8s:a=1'), identity(301, 'k8s:a=2')], []);
    await stream.waitFor(revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual({ 300: 'k8s:a=1', 301: 'k8s:a=2' });
    const second = await table.change([identity(302, 'k8s:a=3')], ['300', '999']);
    expect(second.removed).toEqual(['300']);
    expect(second.revision).toEqual({ incarnation: revision.incarnation, counter: revision.counter + 2n });
    await stream.waitFor(second.revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual({ 301: 'k8s:a=2', 302: 'k8s:a=3' });
  });

  it('that changes nothing gets no new revision', async () => {
    const { table, ready } = publisher();
    await ready();
    const first = await table.change([identity(300, 'k8s:a=1')], []);
    expect(await table.change([identity(300, 'k8s:a=1')], ['301'])).toEqual({ revision: first.revision, removed: [] });
    expect(await table.get(['300', '301'])).toEqual([{ key: '300', row: identity(300, 'k8s:a=1'), revision: first.revision }, null]);
  });

  it('keeps any text whole', async () => {
    const { table, ready } = publisher();
    await ready();
    const label = 'k8s:quoted="\\ + - \n\u0000 ünïcode 😀';
    await table.change([identity(300, label)], []);
    const { table: seen } = consumer();
    await eventually(() => seen.size === 1);
    expect(seen.get('300')).toBe(label);
    expect((await table.list()).rows.map(({ row }) => row.labels)).toEqual([[label]]);
  });

  it('made while NATS is away arrives once it is back', async () => {
    const { table, ready, readiness } = publisher();
    await ready();
    const { table: seen, stream } = consumer();
    await stream.waitFor((await table.change([identity(300, 'k8s:a=1')], [])).revision, 30_000);
    await nats.kill();
    await eventually(() => !readiness.isReady);
    const { revision } = await table.change([identity(301, 'k8s:a=2')], ['300']);
    await nats.resume();
    await stream.waitFor(revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual({ 301: 'k8s:a=2' });
    expect(await buckets()).toEqual([`identities_${revision.incarnation}_1`]);
  });

  it('is refused while Redis is away, and goes on when that is back, under the same incarnation', async () => {
    const { table, ready } = publisher();
    await ready();
    const before = await table.change([identity(300, 'k8s:a=1')], []);
    await redis.kill();
    await expect(table.change([identity(301, 'k8s:a=2')], [])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(redis.url),
    });
    await redis.resume();
    const { revision } = await eventually(() => table.change([identity(301, 'k8s:a=2')], []));
    expect(revision).toEqual({ incarnation: before.revision.incarnation, counter: 2n });
    const { table: seen } = consumer();
    await eventually(() => seen.size === 2);
  });
});

describe('a relay', () => {
  it('begins the next bucket when NATS has lost everything; consumers keep their rows and learn what changed meanwhile', async () => {
    const { table, ready } = publisher();
    await ready();
    const { table: seen, stream, removals } = consumer();
    await stream.waitFor((await table.change([identity(300, 'k8s:a=1'), identity(301, 'k8s:a=2')], [])).revision, 30_000);
    await nats.wipe();
    const { revision } = await table.change([identity(302, 'k8s:a=3')], ['300']);
    await stream.waitFor(revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual({ 301: 'k8s:a=2', 302: 'k8s:a=3' });
    expect(removals()).toBe(1);
    expect(await buckets()).toEqual([`identities_${revision.incarnation}_2`]);
  });

  it('begins the next bucket when NATS has lost the end of the present one', async () => {
    const { table, ready, lifecycle } = publisher();
    await ready();
    const { revision } = await table.change([identity(300, 'k8s:a=1')], []);
    const direct = raw();
    await eventually(async () => (await direct.hget('myelin:stream:identities:bucket', 'sequence')) === '2');
    await lifecycle.stop();
    const name = `identities_${revision.incarnation}_1`;
    await withNats(async (manager) => {
      const { config } = await manager.streams.info(`KV_${name}`);
      await manager.streams.delete(`KV_${name}`);
      await manager.streams.add(config);
    });
    await publisher().ready();
    // The old one goes once the new one is whole.
    await eventually(async () => (await buckets()).join() === `identities_${revision.incarnation}_2`);
    const { table: seen } = consumer();
    await eventually(() => seen.size === 1);
  });

  it('killed between publishing and taking note of it publishes nothing twice', async () => {
    const { table, ready, lifecycle } = publisher();
    await ready();
    const { revision } = await table.change([identity(300, 'k8s:a=1')], ['300']);
    await table.change([identity(300, 'k8s:a=2')], []);
    const direct = raw();
    await eventually(async () => (await direct.xlen('myelin:stream:identities:outbox')) === 0);
    await lifecycle.stop();
    const record = await direct.hget('myelin:stream:identities:rows', '300');
    await direct.xadd(
      'myelin:stream:identities:outbox',
      '*',
      'key',
      '300',
      'record',
      `${revision.incarnation} 1 + ${JSON.stringify(identity(300, 'k8s:a=1'))}`,
    );
    await direct.xadd('myelin:stream:identities:outbox', '*', 'key', '300', 'record', record!);
    const last = () => withNats(async (manager) => (await manager.streams.info(`KV_identities_${revision.incarnation}_1`)).state.last_seq);
    const before = await last();
    await publisher().ready();
    await eventually(async () => (await direct.xlen('myelin:stream:identities:outbox')) === 0);
    expect(await last()).toBe(before);
  });

  it('beside another one of the same kind ends up with the same rows in the bucket', async () => {
    const [one, other] = [publisher(), publisher()];
    await Promise.all([one.ready(), other.ready()]);
    for (let i = 0; i < 200; i++)
      await Promise.all([one.table.change([identity(300 + (i % 7), `k8s:a=${i}`)], []), other.table.change([], [`${300 + (i % 5)}`])]);
    const { rows, revision } = await one.table.list();
    const { table: seen, stream } = consumer();
    await stream.waitFor(revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(rows.map(({ key, row }) => [key, row.labels.join()])));
  });

  it('that was paused and wakes after the bucket has been replaced writes nothing into the new one', async () => {
    const { table, ready, lifecycle } = publisher();
    await ready();
    const { revision } = await table.change([identity(300, 'k8s:a=1')], []);
    await lifecycle.stop();
    await withNats(async (manager, connection) => {
      const old = { kind: 'identities', incarnation: revision.incarnation, number: 1 };
      const paused = new BucketWriter(old, connection, manager);
      const last = (await lastSequenceOf(manager, old))!;
      await manager.streams.delete(`KV_${formatBucket(old)}`);
      await publisher().ready();
      const tombstone = { type: 'tombstone', revision: { ...revision, counter: 9n } } as const;
      expect(await paused.write(last, [{ key: '300', entry: tombstone }])).toBe(false);
    });
    const { table: seen, stream } = consumer();
    await stream.waitFor(revision, 30_000);
    expect(seen.get('300')).toBe('k8s:a=1');
  });
});

describe('an incarnation', () => {
  it('is the same for services that start together', async () => {
    const all = [publisher(), publisher({ relay: false }), publisher({ relay: false })];
    await Promise.all(all.map(({ ready }) => ready()));
    const seen = await Promise.all(all.map(({ store }) => store.incarnation(AbortSignal.timeout(30_000))));
    expect(new Set(seen).size).toBe(1);
    expect(Number(seen[0])).toBeGreaterThan(Date.now() - 60_000);
  });

  it('C4: brings the rows of whole buckets back, and publishes nothing before', async () => {
    const { table, ready } = publisher({ recovers: true });
    await ready();
    const { revision } = await table.change([identity(300, 'k8s:a=1'), identity(301, 'k8s:a=2')], []);
    await table.change([], ['301']);
    const { table: seen, stream, removals } = consumer();
    await eventually(() => seen.size === 1 && stream.revision!.counter >= 3n);
    const before = removals();
    await redis.wipe();
    const after = await eventually(() => table.change([identity(302, 'k8s:a=3')], []), 30_000);
    expect(after.revision.incarnation).toBeGreaterThan(revision.incarnation);
    await stream.waitFor(after.revision, 30_000);
    expect(Object.fromEntries(seen)).toEqual({ 300: 'k8s:a=1', 302: 'k8s:a=3' });
    expect(removals()).toBe(before);
  });

  it('C4: goes on without rows that are nowhere whole only when an operator names that very incarnation', async () => {
    const { table, ready, readiness, store } = publisher({ recovers: true });
    await ready();
    const { revision } = await table.change([identity(300, 'k8s:a=1')], []);
    const { table: seen, stream } = consumer();
    await stream.waitFor(revision, 30_000);
    const isTold = (of: string) => readiness.missing.some(({ name, reason }) => name === 'incarnation' && reason.includes(of));
    const loseAll = async () => {
      await nats.wipe();
      await redis.wipe();
      await table.change([], []).catch(() => {});
      await eventually(() => isTold('accept-empty'), 30_000);
      return BigInt((await raw().get('myelin:incarnation'))!);
    };
    const first = await loseAll();
    expect(isTold(`accept-empty ${first}`)).toBe(true);
    await expect(store.acceptEmpty(first - 1n)).rejects.toMatchObject({ code: 'failed_precondition' });
    await expect(table.change([identity(301, 'k8s:a=2')], [])).rejects.toMatchObject({ code: 'unavailable' });
    expect(Object.fromEntries(seen)).toEqual({ 300: 'k8s:a=1' });
    await store.acceptEmpty(first);
    await eventually(() => seen.size === 0, 30_000);
    // Repeated after a later loss the word does nothing.
    const second = await loseAll();
    expect(second).toBeGreaterThan(first);
    await expect(store.acceptEmpty(first)).rejects.toMatchObject({ code: 'failed_precondition' });
    await sleep(1200);
    expect(isTold(`accept-empty ${second}`)).toBe(true);
  });

  it('C4: takes a scope’s rows back once, and a word that was given up for another incarnation for none', async () => {
    const { table, store, ready } = publisher({ relay: false });
    await ready();
    const [direct, run] = [raw(), (text: string, ...args: string[]) => store.run(stateScript(text, recoveryLua), 'ipam', ...args)];
    const row = (label: string) => ['identities', '300', JSON.stringify(identity(300, label))];
    await direct.sadd('myelin:recovering', 'ipam');
    await direct.set('myelin:accepted', '7');
    expect(await run(standing)).toEqual(['ok', '0']);
    await direct.set('myelin:accepted', (await direct.get('myelin:incarnation'))!);
    expect(await run(standing)).toEqual(['ok', '1']);
    expect(await run(restore, ...row('k8s:a=1'))).toEqual(['ok']);
    expect(await run(standing)).toEqual(['over']);
    await table.change([identity(300, 'k8s:a=2')], []);
    expect(await run(restore, ...row('k8s:a=1'))).toEqual(['over']);
    expect((await table.get(['300']))[0]?.row.labels).toEqual(['k8s:a=2']);
    // Nothing recovers: there is nothing to give up.
    await expect(store.acceptEmpty(BigInt((await direct.get('myelin:incarnation'))!))).rejects.toMatchObject({
      code: 'failed_precondition',
    });
  });

  it('C4: is opened for those only who looked at the same life of Redis', async () => {
    const direct = raw();
    await direct.flushall();
    const look = (name: string) => direct.eval(lookAtIncarnation, 0, name, 'ipam');
    const open = (life: string, greatest: string) => direct.eval(openIncarnation, 0, life, greatest, 'ipam');
    expect(await open('first', '5')).toEqual(['empty', '']);
    expect([await look('first'), await look('second')]).toEqual([
      ['empty', 'first'],
      ['empty', 'first'],
    ]);
    await direct.flushall();
    expect(await look('second')).toEqual(['empty', 'second']);
    expect(await open('first', '5')).toEqual(['empty', 'second']);
    const [word, incarnation] = (await open('second', '99999999999999')) as [string, string];
    expect([word, incarnation]).toEqual(['open', '100000000000000']);
    expect([await look('third'), await open('first', '5')]).toEqual([
      ['open', incarnation, '1'],
      ['open', incarnation],
    ]);
  });

  it('of Redis that is older than one in NATS is not published', async () => {
    await withNats(async (manager) => {
      await manager.streams.add({ name: 'KV_identities_99999999999999_1', subjects: ['$KV.identities_99999999999999_1.>'] });
    });
    await raw().set('myelin:incarnation', '1700000000000');
    const { readiness } = publisher();
    await eventually(() => readiness.missing.some(({ reason }) => reason.includes('is this an old copy of Redis?')));
    expect(await buckets()).toEqual(['identities_99999999999999_1']);
  });
});
