import { type ListedRow, RedisLink, RelayBucket, RelayQueue, RowTable, Store } from '@myelin/outbox';
import { Lifecycle, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, startNats, startRedis } from '@myelin/service/testing';
import {
  type Bucket,
  BucketWriter,
  type Entry,
  formatBucket,
  NatsLink,
  openJetStream,
  streamKinds,
  type Write,
} from '@myelin/state-stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { NatsModel } from './nats.ts';
import { RedisModel } from './redis.ts';

// The same random calls on the models and on the real thing: both must answer the same.

const { identities } = streamKinds;
const kind = identities.name;
const seeds = process.env.MYELIN_NIGHTLY === '1' ? 200 : 5;

let redis: ChildServer;
let nats: ChildServer;
let lifecycle: Lifecycle;
let redisLink: RedisLink;
let link: NatsLink;
let store: Store;
beforeAll(async () => {
  [redis, nats] = await Promise.all([startRedis(), startNats()]);
  const common = { log: silentLog, readiness: new Readiness() };
  redisLink = new RedisLink({ url: redis.url, ...common });
  link = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', ...common });
  store = new Store({ redis: redisLink, nats: link, recovery: null, ...common });
  lifecycle = new Lifecycle([redisLink, link, store], { log: silentLog, stopDeadlineMs: 5000 });
  await lifecycle.start();
});
afterAll(async () => {
  await lifecycle.stop();
  await Promise.all([redis.stop(), nats.stop()]);
});

/** An answer of either, without what depends on the clock or on how ids are given. */
function plain(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer, (name, value) => {
      if (typeof value === 'bigint') return `${value}`;
      if (name === 'nowMs' || name === 'id' || name === 'payload') return null;
      return typeof value === 'string' ? value.replace(/- \d{10,}$/, '- time') : value;
    }) ?? 'null',
  );
}

it.each(Array.from({ length: seeds }, (_, seed) => seed))('Redis, calls of seed %d', async (seed) => {
  const random = new Random(seed);
  const incarnation = await store.incarnation(AbortSignal.timeout(5000));
  await redisLink.run(async (client) => client.del('none', ...(await client.keys('myelin:stream:*'))));
  // Time stands still in the model: leases and tombstones are asked for with spans that no test takes.
  const model = new RedisModel(kind, () => Number(incarnation));
  model.begin();
  const queues = ['A', 'B'].map((owner) => new RelayQueue({ kind: identities, redis: redisLink, store, owner, log: silentLog }));
  const table = new RowTable(identities, store);
  const rowOf = (number: number, value: string) => ({ number, labels: [value] });
  const queue = queues[0]!;
  const calls: readonly (() => Promise<[real: unknown, model: unknown]>)[] = [
    async () => {
      const [number, value] = [300 + random.below(4), random.chance(0.4) ? null : `v${random.below(3)}`];
      const real = await table.change(value === null ? [] : [rowOf(number, value)], value === null ? [`${number}`] : []);
      const json = value === null ? null : JSON.stringify(rowOf(number, value));
      model.change(incarnation, `${number}`, json);
      return [real.revision, model.revision];
    },
    async () => {
      const [owner, renew] = [random.below(2), random.chance(0.6)];
      const name = ['A', 'B'][owner]!;
      const real = await queues[owner]!.holdLease(renew, AbortSignal.timeout(5000));
      await redisLink.run((client) => client.pexpire(`myelin:stream:${kind}:lease`, 60_000));
      return [real, model.holdLease(incarnation, name, 3000, renew)];
    },
    async () => [await queue.recall(incarnation), model.recall(incarnation)],
    async () => {
      const lost = { kind, incarnation, number: Math.max(0, model.bucket.number - random.below(2)) };
      const beyond = random.below(4);
      return [await queue.raise(lost, beyond), model.raise(lost, beyond)];
    },
    async () => [await queue.fetch(0), model.fetch(512)],
    async () => {
      const [real, own] = [await queue.fetch(0), model.fetch(512)];
      if (real.length === 0) return [real, own];
      const at = random.below(real.length);
      const bucket = { kind, incarnation, number: model.bucket.number - random.below(2) };
      const place = { bucket, sequence: random.below(20), hasCompared: true, sweptAtMs: 0 };
      return [await queue.acknowledge(place, real[at]!), model.acknowledge(place, own[at]!)];
    },
    async () => {
      const bucket = { kind, incarnation, number: model.bucket.number - random.below(2) };
      const [real, own] = [await queue.expired(bucket, 0), model.expired(bucket, 0, 500)];
      if (random.chance(0.5)) {
        await queue.forget(bucket, real);
        model.forget(bucket, own);
      }
      const byKey = (a: { key: string }, b: { key: string }) => a.key.localeCompare(b.key);
      return [[...real].sort(byKey), [...own].sort(byKey)];
    },
    async () => {
      const bucket = { kind, incarnation, number: model.bucket.number - random.below(2) };
      const [real, own] = [await queue.rows(bucket, '0'), model.listRows(bucket, '0', 500)];
      if (real === null || own === null) return [real, own];
      const sorted = (rows: readonly ListedRow[]) =>
        [...rows].sort((a, b) => a.key.localeCompare(b.key)).map(({ key, record }) => [key, record]);
      const few = sorted(real.rows)
        .filter(() => random.chance(0.3))
        .map(([key]) => key);
      const isOneOf = ({ key }: ListedRow) => few.includes(key);
      const ofKeys = (rows: readonly ListedRow[]) => rows.filter(isOneOf).sort((a, b) => a.key.localeCompare(b.key));
      return [
        [sorted(real.rows), real.cursor, await queue.queueAgain(bucket, ofKeys(real.rows))],
        [sorted(own.rows), own.cursor, model.queueAgain(bucket, ofKeys(own.rows))],
      ];
    },
    async () => {
      const { revision, rows } = await table.list();
      const sorted = (pairs: [string, unknown][]) => pairs.map(([key, value]) => `${key}=${value}`).sort();
      return [
        [revision, sorted(rows.map(({ key, row }) => [key, JSON.stringify(row)]))],
        [model.revision, sorted([...model.rows])],
      ];
    },
  ];
  try {
    for (let i = 0; i < 120; i++) {
      const [real, own] = await random.pick(calls)();
      expect(plain(real)).toEqual(plain(own));
    }
  } finally {
    for (const one of queues) one.close();
  }
});

it.each(Array.from({ length: seeds }, (_, seed) => seed))('NATS, requests of seed %d', async (seed) => {
  const random = new Random(seed);
  const model = new NatsModel();
  const connection = await link.connection(AbortSignal.timeout(5000));
  const manager = await openJetStream(connection);
  const real = new RelayBucket(link, AbortSignal.timeout(30_000));
  const buckets: readonly Bucket[] = [1, 2].map((number) => ({
    kind: `seed-${'abcdefghij'[seed % 10]}${'abcdefghijklmnopqrst'[Math.floor(seed / 10)]}`,
    incarnation: 5n,
    number,
  }));
  let counter = 0n;
  const writeOf = (bucket: Bucket): Write => {
    const revision = { incarnation: 5n, counter: ++counter };
    if (random.chance(0.1)) return { key: '', entry: { type: 'end', revision, bucket: formatBucket(bucket) } };
    const entry: Entry = random.chance(0.3)
      ? { type: 'tombstone', revision }
      : { type: 'row', revision, payload: Buffer.from(`${counter}`) };
    return { key: random.pick(['a', 'b.1', 'fd00::1']), entry };
  };
  const requests: readonly ((bucket: Bucket) => Promise<[real: unknown, model: unknown]>)[] = [
    async (bucket) => [await real.create(bucket), model.create(bucket) ?? null],
    async (bucket) => [await real.lastSequence(bucket), model.lastSequence(bucket)],
    async () => [await real.newest(buckets[0]!.kind), model.list().at(-1) ?? null],
    async (bucket) => {
      const writes = Array.from({ length: 1 + random.below(4) }, () => writeOf(bucket));
      const sequence = Math.max(0, (model.lastSequence(bucket) ?? 0) - (random.chance(0.25) ? 1 : 0));
      const place = { bucket, sequence, hasCompared: true, sweptAtMs: 0 };
      const isWritten = writes.map((write, i) => {
        const predecessor = i === 0 ? null : `${counter}.${i - 1}`;
        return model.put(bucket, write, `${counter}.${i}`, { last: sequence + i, predecessor });
      });
      return [await real.write(place, writes), isWritten.every(Boolean)];
    },
    async (bucket) => {
      if (model.lastSequence(bucket) === null) return [null, null];
      const writes = ['a', 'b.1', 'fd00::1'].map(
        (key): Write => ({ key, entry: { type: 'tombstone', revision: { incarnation: 0n, counter: 0n } } }),
      );
      const stored = await real.stored(bucket, writes);
      return [
        stored.map((entry) => entry?.revision ?? null),
        writes.map(({ key }) => model.get(bucket, key, false)?.entry.revision ?? null),
      ];
    },
    async (bucket) => {
      const message = model.get(bucket, 'a', false);
      if (message?.entry.type !== 'tombstone') return [null, null];
      await new BucketWriter(bucket, connection, manager).purgeTombstone('a', message.entry.revision);
      model.purge(bucket, 'a', message.sequence);
      return [await real.lastSequence(bucket), model.lastSequence(bucket)];
    },
    async (bucket) => {
      if (random.chance(0.8)) return [null, null];
      await real.deleteOlder({ ...bucket, number: bucket.number });
      for (const older of model.list()) if (older.number < bucket.number) model.delete(older);
      return [await real.lastSequence(bucket), model.lastSequence(bucket)];
    },
  ];
  for (let i = 0; i < 80; i++) {
    const [answer, own] = await random.pick(requests)(random.pick(buckets));
    expect(plain(answer)).toEqual(plain(own));
  }
});
