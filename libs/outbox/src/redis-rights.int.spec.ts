import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readiness, silentLog } from '@myelin/service';
import { ChildServer, eventually, startNats } from '@myelin/service/testing';
import { NatsLink, type StreamKind, streamKinds } from '@myelin/state-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisLink, RowTable, Store } from './index.ts';
import { redisAccessList, redisUsers } from './redis-rights.ts';

let folder: string;
let redis: ChildServer;
let nats: ChildServer;
const cleanUp: (() => unknown)[] = [];
const passwordFile = (user: string) => join(folder, user);
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'myelin-redis-users-'));
  for (const user of ['default', ...redisUsers]) writeFileSync(passwordFile(user), `secret of ${user}\n`);
  [redis, nats] = await Promise.all([
    ChildServer.start('redis', (port, data) => {
      mkdirSync(data, { recursive: true });
      writeFileSync(
        join(data, 'users.acl'),
        redisAccessList((user) => hashOf(`secret of ${user}`)),
      );
      return [
        'redis-server',
        ...`--port ${port} --bind 127.0.0.1 --dir ${data} --aclfile ${join(data, 'users.acl')} --appendonly yes --appendfsync always`.split(
          ' ',
        ),
      ];
    }),
    startNats(),
  ]);
});
afterAll(async () => {
  for (const act of cleanUp.reverse()) await act();
  await Promise.all([redis.stop(), nats.stop()]);
  rmSync(folder, { recursive: true });
});

function linkOf(user: string) {
  const readiness = new Readiness();
  const link = new RedisLink({
    url: `redis://${user}@127.0.0.1:${redis.port}`,
    passwordFile: passwordFile(user),
    log: silentLog,
    readiness,
  });
  link.start();
  cleanUp.push(() => link.stop());
  return { link, readiness };
}

/** A service's store, and its hand in the rows of a kind. */
async function tableOf<Row>(user: string, kind: StreamKind<Row>) {
  const { link } = linkOf(user);
  const common = { log: silentLog, readiness: new Readiness() };
  const natsLink = new NatsLink({ url: nats.url, name: 'test', security: 'insecure', ...common });
  const store = new Store({ redis: link, nats: natsLink, recovery: null, ...common });
  natsLink.start();
  store.start();
  cleanUp.push(
    () => natsLink.stop(),
    () => store.stop(),
  );
  await store.incarnation(AbortSignal.timeout(30_000));
  return new RowTable(kind, store);
}

const identity = { number: 300, labels: ['k8s:a=b'] };
const node = { name: 'n1', uid: 'u', addresses: [], podCidrs: [] };

describe('a service', () => {
  it('changes the rows of its own kinds, and nobody else does', async () => {
    const own = await tableOf('identity-allocator', streamKinds.identities);
    await own.change([identity], []);
    expect((await own.list()).rows.map(({ row }) => row)).toEqual([identity]);
    for (const user of ['policy-compiler', 'lb-controller', 'ipam']) {
      const other = await tableOf(user, streamKinds.identities);
      await expect(other.change([{ ...identity, number: 301 }], []), user).rejects.toThrow(
        "The user executing the script can't access at least one of the keys",
      );
    }
    expect((await own.list()).rows).toHaveLength(1);
  });

  it("reads and writes no key that isn't its own; identity-allocator looks at blocks of ipam and changes none", async () => {
    const command = async (user: string, ...words: string[]) => {
      const { link } = linkOf(user);
      await link.connected(AbortSignal.timeout(30_000));
      return link
        .run((client) => client.call(words[0]!, ...words.slice(1)))
        .then(
          () => 'done',
          (error: Error) => error.message,
        );
    };
    expect(await command('ipam', 'hset', 'myelin:ipam:blocks', 'a', 'b')).toBe('done');
    expect(await command('identity-allocator', 'hget', 'myelin:ipam:blocks', 'a')).toBe('done');
    expect(await command('identity-allocator', 'publish', 'myelin:identity:reports', 'a')).toBe('done');
    expect(await command('identity-allocator', 'publish', 'other', 'a')).toMatch(
      /^NOPERM this user has no permissions to access one of the channels/,
    );
    for (const user of ['ipam', 'policy-compiler', 'lb-controller'])
      expect(await command(user, 'publish', 'myelin:identity:reports', 'a'), user).toMatch(
        /^NOPERM this user has no permissions to run the/,
      );
    for (const words of [
      ['identity-allocator', 'hset', 'myelin:ipam:blocks', 'a', 'c'],
      ['identity-allocator', 'get', 'myelin:stream:policies:counter'],
      ['policy-compiler', 'hget', 'myelin:ipam:blocks', 'a'],
      ['policy-compiler', 'hget', 'myelin:identity:sets', 'a'],
      ['policy-compiler', 'get', 'myelin:stream:services:counter'],
      ['lb-controller', 'get', 'myelin:stream:policies:counter'],
      ['ipam', 'del', 'myelin:stream:identities:rows'],
      ['ipam', 'set', 'other', '1'],
    ])
      expect(await command(words[0]!, ...words.slice(1)), words.join(' ')).toMatch(
        /^NOPERM this user has no permissions to access one of the keys/,
      );
    for (const words of [
      ['flushall'],
      ['flushdb'],
      ['keys', '*'],
      ['config', 'set', 'appendonly', 'no'],
      ['acl', 'list'],
      ['shutdown'],
      ['monitor'],
    ])
      for (const user of redisUsers)
        expect(await command(user, ...words), words.join(' ')).toMatch(/^NOPERM this user has no permissions to run the/);
  });

  it('comes in with its password of today, whatever it was when it started, and never without', async () => {
    const { link, readiness } = linkOf('ipam');
    await eventually(() => readiness.isReady);
    const admin = linkOf('default').link;
    await admin.connected(AbortSignal.timeout(30_000));
    await admin.run((client) => client.call('acl', 'setuser', 'ipam', 'resetpass', `#${hashOf('another')}`));
    await admin.run((client) => client.call('client', 'kill', 'user', 'ipam'));
    await eventually(() => readiness.missing[0]?.reason.includes('WRONGPASS'));
    writeFileSync(passwordFile('ipam'), 'another\n');
    await eventually(() => readiness.isReady);
    expect(await link.run((client) => client.ping())).toBe('PONG');
  });

  it('without its password file says where it is missing', () => {
    rmSync(passwordFile('policy-compiler'));
    expect(() => linkOf('policy-compiler')).toThrow(
      `can't read the password of Redis in ${passwordFile('policy-compiler')} (ENOENT): put it there, or name another file`,
    );
  });
});

it('whoever gives no password gets nothing but that answer', async () => {
  const said = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(redis.port, '127.0.0.1', () => socket.write('GET myelin:incarnation\r\nKEYS *\r\nINFO\r\nQUIT\r\n'));
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('close', () => resolve(text));
  });
  expect(said).toBe(`${'-NOAUTH Authentication required.\r\n'.repeat(3)}+OK\r\n`);
});

it('Redis that is started again has all that was written, scripts of all users included', async () => {
  const table = await tableOf('identity-allocator', streamKinds.nodes);
  const { revision } = await table.change([node], []);
  await redis.kill();
  await redis.resume();
  const again = await tableOf('identity-allocator', streamKinds.nodes);
  expect(await again.list()).toMatchObject({ revision, rows: [{ key: 'n1' }] });
});
