import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '@myelin/contracts/identity';
import { Lifecycle, Readiness, silentLog } from '@myelin/service';
import { type ChildServer, eventually, startNats } from '@myelin/service/testing';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Bucket,
  BucketWriter,
  createBucket,
  deleteBucket,
  formatBucket,
  lastSequenceOf,
  NatsLink,
  openJetStream,
  type StreamBatch,
  StreamConsumer,
  streamKinds,
  type Write,
} from './index.ts';

const { identities } = streamKinds;
const bucketOf = (number: number, incarnation = 5n): Bucket => ({ kind: 'identities', incarnation, number });
const row = (number: number, counter: number, label = `k8s:v=${counter}`, incarnation = 5n): Write => ({
  key: `${number}`,
  entry: { type: 'row', revision: { incarnation, counter: BigInt(counter) }, payload: identities.encode({ number, labels: [label] }) },
});
const tombstone = (number: number, counter: number): Write => ({
  key: `${number}`,
  entry: { type: 'tombstone', revision: { incarnation: 5n, counter: BigInt(counter) } },
});
const end = (bucket: Bucket, counter: number): Write => ({
  key: '',
  entry: { type: 'end', revision: { incarnation: bucket.incarnation, counter: BigInt(counter) }, bucket: formatBucket(bucket) },
});

let nats: ChildServer;
let connection: NatsConnection;
let cleanUp: (() => Promise<unknown>)[];
beforeEach(async () => {
  nats = await startNats();
  connection = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  cleanUp = [() => nats.stop(), () => connection.close()];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

/** A writer that knows where its bucket ends, as a relay does. */
async function openWriter(bucket: Bucket) {
  const manager = await openJetStream(connection);
  await createBucket(connection, bucket);
  const writer = new BucketWriter(bucket, connection, manager);
  let last = (await lastSequenceOf(manager, bucket))!;
  const write = async (writes: readonly Write[]) => {
    const isWritten = await writer.write(last, writes);
    if (isWritten) last += writes.length;
    return isWritten;
  };
  return { write, read: (key: string) => writer.read(key) };
}

/** A consumer that keeps a table, as every real one does. */
function consume(onBatch?: (batch: StreamBatch<Identity>) => void | Promise<void>) {
  const readiness = new Readiness();
  const link = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', log: silentLog, readiness });
  const table = new Map<string, string>();
  const batches: StreamBatch<Identity>[] = [];
  const consumer = new StreamConsumer({
    kind: identities,
    link,
    log: silentLog,
    readiness,
    onBatch: async (batch) => {
      await onBatch?.(batch);
      batches.push(batch);
      for (const { key, row } of batch.changed) table.set(key, row.labels.join());
      for (const { key } of batch.removed) table.delete(key);
    },
  });
  const lifecycle = new Lifecycle([link, consumer], { log: silentLog, stopDeadlineMs: 5000 });
  cleanUp.push(() => lifecycle.stop());
  void lifecycle.start();
  return {
    consumer,
    table,
    batches,
    readiness,
    at: (counter: number, ms = 30_000) => consumer.waitFor({ incarnation: 5n, counter: BigInt(counter) }, ms),
  };
}

describe('a consumer', () => {
  it('reads a snapshot, says when it is complete, and then every change', async () => {
    const writer = await openWriter(bucketOf(1));
    await writer.write([row(300, 1), row(301, 2), row(300, 3)]);
    const { table, batches, at, consumer, readiness } = consume();
    await expect(at(3, 300)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(consumer.revision).toBeNull();
    expect(readiness.missing.map(({ name }) => name)).toEqual(['stream identities']);
    expect(batches).toEqual([]);
    await writer.write([end(bucketOf(1), 3)]);
    await at(3);
    expect(Object.fromEntries(table)).toEqual({ 300: 'k8s:v=3', 301: 'k8s:v=2' });
    expect(batches.at(-1)).toMatchObject({ snapshotComplete: true, revision: { incarnation: 5n, counter: 3n } });
    expect(readiness.isReady).toBe(true);
    await writer.write([tombstone(300, 4), row(302, 5)]);
    await at(5);
    expect(Object.fromEntries(table)).toEqual({ 301: 'k8s:v=2', 302: 'k8s:v=5' });
  });

  it('gets a burst to its last row, wherever its client asks for more in between', async () => {
    const writer = await openWriter(bucketOf(1));
    await writer.write([end(bucketOf(1), 0)]);
    const { table, at } = consume();
    await at(0);
    for (let counter = 1; counter <= 1200; ) {
      const burst = Array.from({ length: 150 }, () => row(300 + counter, counter++));
      await writer.write(burst);
      await at(counter - 1);
    }
    expect(table.size).toBe(1200);
  });

  it('is told of an empty kind by its end marker', async () => {
    const { table, batches, at } = consume();
    await (await openWriter(bucketOf(1))).write([end(bucketOf(1), 0)]);
    await at(0);
    expect(table.size).toBe(0);
    expect(batches).toHaveLength(1);
  });

  it('follows to a new bucket and sweeps what that does not hold at its end marker, not before', async () => {
    await (await openWriter(bucketOf(1))).write([row(300, 1), row(301, 2), end(bucketOf(1), 2)]);
    const { table, at } = consume();
    await at(2);
    const second = await openWriter(bucketOf(2));
    await second.write([row(301, 2), row(302, 3), end(bucketOf(1), 9)]);
    await expect(at(3, 300)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(Object.fromEntries(table)).toEqual({ 300: 'k8s:v=1', 301: 'k8s:v=2' });
    await second.write([end(bucketOf(2), 3)]);
    await at(3);
    expect(Object.fromEntries(table)).toEqual({ 301: 'k8s:v=2', 302: 'k8s:v=3' });
    await (await openWriter(bucketOf(1, 6n))).write([row(400, 1, 'k8s:new', 6n), end(bucketOf(1, 6n), 1)]);
    await eventually(() => table.get('400') === 'k8s:new' && table.size === 1);
  });

  it('goes on where it was after NATS was killed and started again', async () => {
    const writer = await openWriter(bucketOf(1));
    await writer.write([row(300, 1), end(bucketOf(1), 1)]);
    const { table, at, readiness, batches } = consume();
    await at(1);
    await nats.kill();
    await eventually(() => !readiness.isReady);
    expect(table.size).toBe(1);
    await nats.resume();
    await eventually(() => writer.write([]).then(() => readiness.isReady));
    const before = batches.length;
    await eventually(async () => (await openWriter(bucketOf(1))).write([row(301, 2), tombstone(300, 3)]));
    await at(3, 30_000);
    expect(Object.fromEntries(table)).toEqual({ 301: 'k8s:v=2' });
    expect(batches.slice(before).flatMap(({ changed }) => changed.map(({ key }) => key))).toEqual(['301']);
  });

  it('keeps its rows when NATS has lost everything, and takes over those of the bucket that follows', async () => {
    await (await openWriter(bucketOf(1))).write([row(300, 1), row(301, 2), end(bucketOf(1), 2)]);
    const { table, at } = consume();
    await at(2);
    await nats.wipe();
    await sleep(300);
    expect(table.size).toBe(2);
    const writer = await eventually(() => openWriter(bucketOf(2)));
    await writer.write([row(301, 2), row(302, 3), end(bucketOf(2), 3)]);
    await at(3, 30_000);
    expect(Object.fromEntries(table)).toEqual({ 301: 'k8s:v=2', 302: 'k8s:v=3' });
  });

  it('does not go back to an older bucket', async () => {
    const second = await openWriter(bucketOf(2));
    await second.write([row(300, 7), end(bucketOf(2), 7)]);
    const { table, at } = consume();
    await at(7);
    await (await openWriter(bucketOf(1))).write([row(300, 9), row(301, 9), end(bucketOf(1), 9)]);
    await second.write([row(302, 8)]);
    await at(8);
    expect(Object.fromEntries(table)).toEqual({ 300: 'k8s:v=7', 302: 'k8s:v=8' });
  });

  it('gives a batch again when its handler has failed', async () => {
    let failures = 2;
    const writer = await openWriter(bucketOf(1));
    await writer.write([row(300, 1), end(bucketOf(1), 1)]);
    const { table, at } = consume(() => {
      if (failures-- > 0) throw new Error('kernel says no');
    });
    await at(1);
    expect(table.get('300')).toBe('k8s:v=1');
  });

  it('reads 20,000 rows in batches while they change', async () => {
    const writer = await openWriter(bucketOf(1));
    const all = Array.from({ length: 20_000 }, (_, i) => row(300 + i, i + 1));
    for (let i = 0; i < all.length; i += 1000) expect(await writer.write(all.slice(i, i + 1000))).toBe(true);
    await writer.write([end(bucketOf(1), 20_000)]);
    const { table, at, batches } = consume();
    for (let i = 0; i < 500; i++) await writer.write([row(300 + i, 20_001 + i)]);
    await at(20_500, 30_000);
    expect(table.size).toBe(20_000);
    expect(table.get('300')).toBe('k8s:v=20001');
    expect(batches.length).toBeLessThan(1000);
  });
});

describe('a writer', () => {
  it('writes nothing more once another one has written', async () => {
    const first = await openWriter(bucketOf(1));
    const second = await openWriter(bucketOf(1));
    expect(await second.write([row(300, 2)])).toBe(true);
    expect(await first.write([row(300, 1), row(301, 1)])).toBe(false);
    expect(await first.read('300')).toMatchObject({ revision: { counter: 2n } });
    expect(await first.read('301')).toBeNull();
  });

  it('is refused on the first value of an empty bucket, too', async () => {
    const first = await openWriter(bucketOf(1));
    await (await openWriter(bucketOf(1))).write([row(301, 5)]);
    expect(await first.write([row(300, 1)])).toBe(false);
    expect(await first.read('300')).toBeNull();
  });

  it('is not fooled by a key that is absent again: the condition is on the whole bucket', async () => {
    const paused = await openWriter(bucketOf(1));
    const active = await openWriter(bucketOf(1));
    await active.write([row(300, 2), tombstone(300, 3)]);
    await (await openJetStream(connection)).streams.purge('KV_identities_5_1', { filter: '$KV.identities_5_1.300' });
    expect(await active.read('300')).toBeNull();
    expect(await paused.write([row(300, 1)])).toBe(false);
    expect(await active.read('300')).toBeNull();
  });

  it('is unsure when the bucket is gone', async () => {
    const writer = await openWriter(bucketOf(1));
    const manager = await openJetStream(connection);
    await deleteBucket(manager, bucketOf(1));
    expect(await writer.write([row(300, 1)])).toBe(false);
    expect(await lastSequenceOf(manager, bucketOf(1))).toBeNull();
  });
});
