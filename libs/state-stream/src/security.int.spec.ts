import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Service } from '@myelin/contracts/loadbalancing';
import { Authority, Credentials, type PeerName } from '@myelin/credentials';
import { Readiness, silentLog } from '@myelin/service';
import { ChildServer, eventually } from '@myelin/service/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Bucket,
  BucketWriter,
  createBucket,
  deleteBucket,
  formatBucket,
  greatestIncarnation,
  lastSequenceOf,
  listBuckets,
  NatsLink,
  openJetStream,
  type StreamBatch,
  StreamConsumer,
  type StreamKind,
  streamKinds,
} from './index.ts';
import { natsAccounts, natsRole } from './nats-rights.ts';

const within = (minutes: number) => ({ from: new Date(Date.now() - 60_000), to: new Date(Date.now() + minutes * 60_000) });
const bucket: Bucket = { kind: 'identities', incarnation: 5n, number: 1 };
const subject = '$KV.identities_5_1.300';
const allocator = { kind: 'service', name: 'identity-allocator' } as const;
const node = { kind: 'node', name: 'n1' } as const;
type Self = Omit<PeerName, 'trustDomain'>;

let folder: string;
let nats: ChildServer;
const cleanUp: (() => unknown)[] = [];
let authority = Authority.create('lab', within(60));

function write(self: Self, name = self.name): { readonly ca: string; readonly cert: string; readonly key: string } {
  const files = { ca: join(folder, 'ca'), cert: join(folder, `${name}.cert`), key: join(folder, `${name}.key`) };
  const { cert, key } = authority.issue(self, within(30), self.name === 'nats' ? [] : [natsRole(self).user]);
  writeFileSync(files.ca, authority.cert);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return files;
}

const open = (self: Self) => Credentials.open({ files: write(self), self, log: silentLog, readiness: new Readiness() });

function link(security: Credentials, url = nats.url) {
  const readiness = new Readiness();
  const made = new NatsLink({ url, name: 'test', security, log: silentLog, readiness });
  made.start();
  cleanUp.push(() => made.stop());
  return { link: made, readiness };
}

const connectionOf = (self: Self): Promise<NatsConnection> => link(open(self)).link.connection(AbortSignal.timeout(30_000));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'myelin-nats-tls-'));
  nats = await startNats({ kind: 'service', name: 'nats' }, 'nats');
});
afterAll(async () => {
  for (const act of cleanUp.reverse()) await act();
  await nats.stop();
  rmSync(folder, { recursive: true });
});

function startNats(self: Self, name: string): Promise<ChildServer> {
  const { ca, cert, key } = write(self, name);
  return ChildServer.start('nats', (port, data) => {
    mkdirSync(data, { recursive: true });
    const config = join(data, 'nats.conf');
    const tls = `tls { ca_file: "${ca}", cert_file: "${cert}", key_file: "${key}", verify_and_map: true }`;
    writeFileSync(config, `host: "127.0.0.1"\nport: ${port}\njetstream { store_dir: "${data}" }\n${tls}\n${natsAccounts()}`);
    return ['nats-server', '--config', config];
  });
}

describe('a publisher', () => {
  it('makes, fills, purges and removes buckets, and reads them', async () => {
    const connection = await connectionOf(allocator);
    const manager = await openJetStream(connection);
    await createBucket(connection, bucket);
    const writer = new BucketWriter(bucket, connection, manager);
    const revision = { incarnation: 5n, counter: 1n };
    expect(await writer.write(0, [{ key: '300', entry: { type: 'row', revision, payload: Buffer.from('x') } }])).toBe(true);
    expect(await writer.write(1, [{ key: '301', entry: { type: 'tombstone', revision } }])).toBe(true);
    await writer.purgeTombstone('301', revision);
    expect(await lastSequenceOf(manager, bucket)).toBe(2);
    const old = { ...bucket, number: 2 };
    await createBucket(connection, old);
    await deleteBucket(manager, old);
    expect(await listBuckets(manager, 'identities')).toEqual([bucket]);
  });
});

describe('a node', () => {
  it('reads all rows and hears of new ones, through consumers of its own', async () => {
    const { link: of, readiness } = link(open(node));
    const rows = new Map<string, unknown>();
    const consumer = new StreamConsumer({
      kind: streamKinds.identities,
      link: of,
      log: silentLog,
      readiness,
      onBatch: ({ changed }) => {
        for (const { key, row } of changed) rows.set(key, row);
      },
    });
    consumer.start();
    cleanUp.push(() => consumer.stop());
    const connection = await connectionOf(allocator);
    const writer = new BucketWriter(bucket, connection, await openJetStream(connection));
    const revision = { incarnation: 5n, counter: 2n };
    const row = streamKinds.identities.encode({ number: 302, labels: ['k8s:a=b'] });
    await writer.write(2, [
      { key: '302', entry: { type: 'row', revision, payload: row } },
      { key: '', entry: { type: 'end', revision, bucket: 'identities_5_1' } },
    ]);
    await consumer.waitFor(revision, 30_000);
    expect(rows.get('302')).toEqual({ number: 302, labels: ['k8s:a=b'] });
  });

  it('writes nothing, changes no stream, and hears nobody else', async () => {
    const publisher = await connectionOf(allocator);
    const before = await lastSequenceOf(await openJetStream(publisher), bucket);
    const denied: readonly string[] = [
      subject,
      ...['STREAM.CREATE.KV_identities_5_9', 'STREAM.UPDATE.KV_identities_5_1', 'STREAM.DELETE.KV_identities_5_1'].map(
        (call) => `$JS.API.${call}`,
      ),
      ...['STREAM.PURGE.KV_identities_5_1', 'STREAM.MSG.DELETE.KV_identities_5_1', 'STREAM.SNAPSHOT.KV_identities_5_1'].map(
        (call) => `$JS.API.${call}`,
      ),
      '$JS.API.CONSUMER.DURABLE.CREATE.KV_identities_5_1.d',
      '$SYS.REQ.SERVER.PING',
      `${natsRole(allocator).inboxPrefix}.x`,
    ];
    const mayListen = ['>', '$KV.>', '_INBOX.>', `${natsRole(allocator).inboxPrefix}.>`, '$JS.API.>'];
    expect(await refusals(node, denied, mayListen)).toEqual(
      [...denied.map((text) => `publish ${text}`), ...mayListen.map((text) => `subscription ${text}`)].sort(),
    );
    expect(await lastSequenceOf(await openJetStream(publisher), bucket)).toBe(before);
  });
});

describe('the publishers', () => {
  const compiler = { kind: 'service', name: 'policy-compiler' } as const;
  const controller = { kind: 'service', name: 'lb-controller' } as const;
  const policies: Bucket = { kind: 'policies', incarnation: 7n, number: 1 };

  it('have streams of their own: what one writes under the name of the other one gets nowhere', async () => {
    const [own, other] = await Promise.all([connectionOf(allocator), connectionOf(compiler)]);
    await createBucket(other, policies);
    const manager = await openJetStream(own);
    const before = await lastSequenceOf(manager, bucket);
    other.publish(subject, 'forged');
    await other.flush();
    // A bucket of that name in its own account is its own: nobody who reads identities looks there.
    await createBucket(other, { ...bucket, number: 9 });
    expect(await listBuckets(manager, 'identities')).toEqual([bucket]);
    expect(await lastSequenceOf(manager, bucket)).toBe(before);
    expect(await listBuckets(manager, 'policies')).toEqual([]);
    const calls = ['STREAM.CREATE', 'STREAM.PURGE', 'STREAM.DELETE', 'STREAM.UPDATE'];
    const denied = calls.map((call) => `identity.API.${call}.KV_identities_5_1`);
    expect(await refusals(compiler, denied, ['identity.>'])).toEqual(
      [...denied.map((text) => `publish ${text}`), 'subscription identity.>'].sort(),
    );
    const reading = [
      'policy.API.STREAM.INFO.KV_policies_7_1',
      'policy.API.STREAM.MSG.GET.KV_policies_7_1',
      'policy.API.CONSUMER.CREATE.KV_policies_7_1.a.b',
    ];
    for (const stranger of [allocator, controller, node])
      expect(await refusals(stranger, reading, ['policy.>']), stranger.name).toEqual(
        [...reading.map((text) => `publish ${text}`), 'subscription policy.>'].sort(),
      );
    const services = ['STREAM.CREATE', 'STREAM.PURGE', 'STREAM.DELETE'].map((call) => `service.API.${call}.KV_services_7_1`);
    for (const stranger of [allocator, compiler, node])
      expect(await refusals(stranger, services, ['service.>']), stranger.name).toEqual(
        [...services.map((text) => `publish ${text}`), 'subscription service.>'].sort(),
      );
  });

  it('see the incarnations of all buckets, as does who publishes nothing', async () => {
    for (const self of [allocator, compiler, controller, { kind: 'service', name: 'ipam' } as const]) {
      const { link: of } = link(open(self));
      expect(await greatestIncarnation(await of.connection(AbortSignal.timeout(30_000)), of.ways), self.name).toBe(7n);
    }
  });

  const identityRow = (number: number) => ({ key: `${number}`, payload: streamKinds.identities.encode({ number, labels: ['k8s:a=b'] }) });
  const serviceRow = (number: number) => {
    const value = Service.fromPartial({ namespace: 'shop', name: `${number}` });
    return { key: `Service/shop/${number}`, payload: streamKinds.services.encode({ object: { $case: 'service', value } }) };
  };
  it.each([
    { who: 'who compiles follows identities', reader: compiler, publisher: allocator, kind: 'identities', rowOf: identityRow },
    { who: 'nodes follow Services', reader: node, publisher: controller, kind: 'services', rowOf: serviceRow },
  ] as const)(
    'are followed into their accounts: $who, a burst, a new bucket, over a restart',
    async ({ reader, publisher, kind, rowOf }) => {
      const { link: of, readiness } = link(open(reader));
      const rows = new Set<string>();
      const onBatch = ({ changed, removed }: StreamBatch<unknown>) => {
        for (const { key } of changed) rows.add(key);
        for (const { key } of removed) rows.delete(key);
      };
      const consumer = new StreamConsumer<unknown>({
        kind: streamKinds[kind] as StreamKind<unknown>,
        link: of,
        log: silentLog,
        readiness,
        onBatch,
      });
      consumer.start();
      cleanUp.push(() => consumer.stop());
      const connection = await connectionOf(publisher);
      const manager = await openJetStream(connection);
      const writeAll = async (to: Bucket, first: number, count: number) => {
        const writer = new BucketWriter(to, connection, manager);
        const revisionOf = (counter: number) => ({ incarnation: 5n, counter: BigInt(counter) });
        const entries = Array.from({ length: count }, (_, index) => {
          const { key, payload } = rowOf(first + index);
          return { key, entry: { type: 'row' as const, revision: revisionOf(first + index), payload } };
        });
        const revision = revisionOf(first + count - 1);
        const writes = [...entries, { key: '', entry: { type: 'end' as const, revision, bucket: formatBucket(to) } }];
        for (let at = 0; at < writes.length; at += 100)
          expect(await writer.write((await lastSequenceOf(manager, to))!, writes.slice(at, at + 100))).toBe(true);
        return revision;
      };
      const current = { kind, incarnation: 5n, number: 1 };
      if ((await lastSequenceOf(manager, current)) === null) await createBucket(connection, current);
      await consumer.waitFor(await writeAll(current, 1000, 2000), 30_000);
      expect(rows.size).toBeGreaterThanOrEqual(2000);
      const next = { ...current, number: 2 };
      await createBucket(connection, next);
      // Sooner than it would look by itself.
      await consumer.waitFor(await writeAll(next, 4000, 3), 4500);
      expect([...rows].sort()).toEqual([4000, 4001, 4002].map((number) => rowOf(number).key));
      await nats.kill();
      await nats.resume();
      await consumer.waitFor(await eventually(() => writeAll(next, 4100, 1)), 30_000);
      expect(rows).toContain(rowOf(4100).key);
      await deleteBucket(manager, next);
    },
  );
});

it('a service that publishes nothing reads, and writes, makes and removes nothing', async () => {
  const denied = [
    subject,
    '$JS.API.STREAM.CREATE.KV_identities_5_2',
    '$JS.API.STREAM.PURGE.KV_identities_5_1',
    '$JS.API.STREAM.DELETE.KV_identities_5_1',
  ];
  const refused = await refusals({ kind: 'service', name: 'ipam' }, denied, ['$JS.EVENT.ADVISORY.>']);
  expect(refused).toEqual([...denied.map((text) => `publish ${text}`), 'subscription $JS.EVENT.ADVISORY.>'].sort());
  expect(await listBuckets(await openJetStream(await connectionOf({ kind: 'service', name: 'ipam' })), 'identities')).toEqual([bucket]);
});

describe('nobody comes in', () => {
  const reason = async (security: Credentials, url = nats.url) => {
    const { readiness } = link(security, url);
    return eventually(() => readiness.missing.find(({ name, reason: text }) => name === 'nats' && !text.endsWith('yet'))?.reason);
  };

  it('whose certificate another authority signed, or who is no user', async () => {
    const trusted = authority;
    authority = Authority.create('lab', within(60));
    const stranger = open({ kind: 'node', name: 'stranger' });
    authority = trusted;
    writeFileSync(stranger.files.ca, trusted.cert);
    expect(await reason(stranger)).toContain(`can't connect to ${nats.url}`);
    expect(await reason(open({ kind: 'service', name: 'relay' }))).toMatch(/authorization|Authorization/);
  });

  it('without a certificate: after the greeting with which every NATS server begins nothing is said', async () => {
    const said = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connectTcp(nats.port, '127.0.0.1', () => socket.write('CONNECT {"verbose":true}\r\nSUB > 1\r\nPING\r\n'));
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
    });
    expect(said).toMatch(/^INFO \{[^\r]*"tls_required":true[^\r]*\}\s*(-ERR [^\r]*\r\n)?$/);
  });

  it('to whom NATS is what proves to be something else, or speaks without TLS', async () => {
    const other = await startNats({ kind: 'service', name: 'ipam' }, 'impostor');
    const plain = await ChildServer.start('nats', (port) => ['nats-server', '--addr', '127.0.0.1', '--port', `${port}`]);
    cleanUp.push(
      () => other.stop(),
      () => plain.stop(),
    );
    expect(await reason(open(node), other.url)).toContain(
      'made out to DNS:ipam, URI:spiffe://lab/service/ipam, not to spiffe://lab/service/nats',
    );
    expect(await reason(open(node), plain.url)).toContain("server does not support 'tls'");
  });
});

it('certificates rotate, to another authority too: connections stay, and later ones use the new', async () => {
  const security = open(node);
  const { link: of } = link(security);
  const connection = await of.connection(AbortSignal.timeout(30_000));
  let reconnects = 0;
  void (async () => {
    for await (const { type } of connection.status()) if (type === 'reconnect') reconnects++;
  })();
  authority = Authority.create('lab', within(60));
  write({ kind: 'service', name: 'nats' });
  write(node);
  process.kill(nats.pid!, 'SIGHUP');
  security.check();
  // New ones are in use at once, in both directions: whoever comes with the new ones is known.
  const later = await eventually(async () => link(open(node)).link.connection(AbortSignal.timeout(1000)));
  await later.flush();
  await connection.flush();
  expect(reconnects).toBe(0);
  // The one from before comes again with them, too.
  await connection.reconnect();
  await eventually(() => reconnects === 1);
  await connection.flush();
});

/** What the server refuses of these publications and subscriptions; sorted. */
async function refusals(self: Self, publish: readonly string[], subscribe: readonly string[]): Promise<readonly string[]> {
  const connection = await connectionOf(self);
  const refused: string[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      const { operation, subject: of } = (status as { error?: { operation?: string; subject?: string } }).error ?? {};
      if (operation !== undefined) refused.push(`${operation} ${of}`);
    }
  })();
  for (const text of subscribe) connection.subscribe(text, { callback: () => {} });
  for (const text of publish) connection.publish(text, '{}');
  await connection.flush();
  await eventually(() => refused.length >= publish.length + subscribe.length);
  return refused.sort();
}
