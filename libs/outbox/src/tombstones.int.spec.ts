import { Lifecycle, Metrics, Readiness, silentLog } from '@myelin/service';
import { eventually, startNats, startRedis } from '@myelin/service/testing';
import { BucketWriter, NatsLink, openJetStream, streamKinds } from '@myelin/state-stream';
import { expect, it } from 'vitest';
import { RedisLink, Relay, RowTable, Store } from './index.ts';
import { RelayBucket } from './relay-bucket.ts';
import { RelayQueue } from './relay-queue.ts';

const { identities } = streamKinds;

/** What identities need, with or without a relay, over stores of its own; `stop` ends all. */
async function start(hasRelay: boolean) {
  const [redis, nats] = await Promise.all([startRedis(), startNats()]);
  const readiness = new Readiness();
  const common = { log: silentLog, readiness };
  const redisLink = new RedisLink({ url: redis.url, ...common });
  const link = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', ...common });
  const store = new Store({ redis: redisLink, nats: link, recovery: null, ...common });
  const relay = new Relay({ kind: identities, redis: redisLink, store, nats: link, meter: new Metrics('test').meter, ...common });
  const lifecycle = new Lifecycle([redisLink, link, store, ...(hasRelay ? [relay] : [])], { log: silentLog, stopDeadlineMs: 5000 });
  const queue = new RelayQueue({ kind: identities, redis: redisLink, store, owner: 'test', log: silentLog });
  const stop = async () => {
    queue.close();
    await lifecycle.stop();
    await Promise.all([redis.stop(), nats.stop()]);
  };
  return { redisLink, link, store, readiness, lifecycle, queue, table: new RowTable(identities, store), stop };
}

const bucketOf = (incarnation: bigint, number: number) => ({ kind: 'identities', incarnation, number });
const rowOf = (number: number) => ({ number, labels: ['k8s:a=b'] });

it('old tombstones leave bucket and Redis; younger ones, rows that came back and the last change of all stay', async () => {
  const { redisLink, link, readiness, lifecycle, queue, table, stop } = await start(true);
  const signal = AbortSignal.timeout(60_000);
  const deeds = new RelayBucket(link, signal);
  try {
    await lifecycle.start();
    await eventually(() => readiness.isReady);
    await table.change([rowOf(300), rowOf(301), rowOf(302)], []);
    await table.change([], ['300', '301']);
    const { revision } = await table.change([rowOf(301)], ['302']);
    await eventually(async () => (await queue.length()) === 0);

    const bucket = { kind: 'identities', incarnation: revision.incarnation, number: 1 };
    const connection = await link.connection(signal);
    const writer = new BucketWriter(bucket, connection, await openJetStream(connection));
    const rows = async () => Object.keys(await redisLink.run((client) => client.hgetall('myelin:stream:identities:rows'))).sort();
    expect(await queue.expired(bucket, 60_000)).toEqual([]);

    const expired = await queue.expired(bucket, 0);
    expect(expired.map(({ key }) => key)).toEqual(['300']);
    await deeds.purge(bucket, expired);
    // Another bucket holds it again: only the one that it was purged from may forget it.
    await queue.forget({ ...bucket, number: 2 }, expired);
    expect(await rows()).toEqual(['300', '301', '302']);
    await queue.forget(bucket, expired);
    expect(await rows()).toEqual(['301', '302']);
    expect(await writer.read('300')).toBeNull();
    expect(await writer.read('301')).toMatchObject({ type: 'row' });
    expect(await writer.read('302')).toMatchObject({ type: 'tombstone', revision });

    // A late relay's idea of a tombstone takes nothing that came after it.
    await writer.purgeTombstone('301', { ...revision, counter: 99n });
    await writer.purgeTombstone('302', { ...revision, counter: revision.counter - 1n });
    expect(await writer.read('301')).toMatchObject({ type: 'row' });
    expect(await writer.read('302')).toMatchObject({ type: 'tombstone' });
  } finally {
    await stop();
  }
});

it('the time that a tombstone stays counts from when it is published, in each bucket anew', async () => {
  const { redisLink, store, lifecycle, queue, table, stop } = await start(false);
  const hourMs = 3_600_000;
  const prefix = 'myelin:stream:identities';
  try {
    await lifecycle.start();
    const incarnation = await store.incarnation(AbortSignal.timeout(60_000));
    const begin = async (last: number) => bucketOf(incarnation, (await queue.raise(bucketOf(incarnation, last), 0))!);
    const publish = async () => {
      const waiting = await queue.fetch(0);
      await queue.acknowledge({ bucket, sequence: waiting.length, hasCompared: true, sweptAtMs: 0 }, waiting.at(-1)!);
    };
    const expired = async () => (await queue.expired(bucket)).map(({ key }) => key).sort();
    /** As if it were an hour later. */
    const age = async () => {
      const samples = await redisLink.run((client) => client.lrange(`${prefix}:samples`, 0, -1));
      for (const [i, sample] of samples.entries()) {
        const [ms, counter] = sample.split(' ');
        await redisLink.run((client) => client.lset(`${prefix}:samples`, i, `${Number(ms) - hourMs} ${counter}`));
      }
    };
    let bucket = await begin(0);
    await table.change([rowOf(300), rowOf(301)], []);
    await table.change([], ['300']);
    await table.change([rowOf(302)], []);
    // As if the row had been removed in 1970, and nobody had been able to publish that until now.
    const record = (await redisLink.run((client) => client.hget(`${prefix}:rows`, '300')))!;
    await redisLink.run((client) => client.hset(`${prefix}:rows`, '300', record.replace(/ - \d+$/, ' - 1000')));
    expect(await expired()).toEqual([]);
    await publish();
    expect(await expired()).toEqual([]);

    // An hour ago it was not published yet; two hours after that it had been for one.
    await age();
    expect(await expired()).toEqual([]);
    await table.change([], ['301']);
    await table.change([rowOf(303)], []);
    await publish();
    await age();
    expect(await expired()).toEqual(['300']);
    await age();
    expect(await expired()).toEqual(['300', '301']);

    // Another bucket: there they are published again.
    bucket = await begin(bucket.number);
    await publish();
    expect(await expired()).toEqual([]);
    await age();
    expect(await expired()).toEqual(['300', '301']);
  } finally {
    await stop();
  }
});
