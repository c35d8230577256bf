import { Lifecycle, Metrics, Readiness, silentLog } from '@myelin/service';
import { eventually, startNats, startRedis } from '@myelin/service/testing';
import { BucketWriter, NatsLink, openJetStream, streamKinds } from '@myelin/state-stream';
import { expect, it } from 'vitest';
import { RedisLink, Relay, RowTable, Store } from './index.ts';
import { RelayBucket } from './relay-bucket.ts';
import { RelayQueue } from './relay-queue.ts';

const { identities } = streamKinds;

it('old tombstones leave bucket and Redis; younger ones, rows that came back and the last change of all stay', async () => {
  const [redis, nats] = await Promise.all([startRedis(), startNats()]);
  const readiness = new Readiness();
  const common = { log: silentLog, readiness };
  const redisLink = new RedisLink({ url: redis.url, ...common });
  const link = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', ...common });
  const store = new Store({ redis: redisLink, nats: link, recovery: null, ...common });
  const relay = new Relay({ kind: identities, redis: redisLink, store, nats: link, meter: new Metrics('test').meter, ...common });
  const lifecycle = new Lifecycle([redisLink, link, store, relay], { log: silentLog, stopDeadlineMs: 5000 });
  const signal = AbortSignal.timeout(20_000);
  const queue = new RelayQueue({ kind: identities, redis: redisLink, store, owner: 'test', log: silentLog });
  const deeds = new RelayBucket(link, signal);
  try {
    await lifecycle.start();
    await eventually(() => readiness.isReady);
    const table = new RowTable(identities, store);
    const rowOf = (number: number) => ({ number, labels: ['k8s:a=b'] });
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
    queue.close();
    await lifecycle.stop();
    await Promise.all([redis.stop(), nats.stop()]);
  }
});
