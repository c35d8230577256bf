import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { IdentityServiceService, RegisterNodeResponse } from '@myelin/contracts/identity';
import { PolicyServiceService, type SubscribeResponse } from '@myelin/contracts/policy';
import { Authority, Credentials, type PeerName, type Security } from '@myelin/credentials';
import { Metrics, Readiness, silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callerOf } from './caller.ts';
import { Channel, clientOf, Mailbox, RpcServer } from './index.ts';
import { implementPart } from './testing/index.ts';

const minute = 60_000;
const within = (from: number, to: number) => ({ from: new Date(Date.now() + from * minute), to: new Date(Date.now() + to * minute) });
const registration = RegisterNodeResponse.fromPartial({ registration: 7n });
const bookmark = (request: number) => ({ message: { $case: 'removed', value: request } }) as SubscribeResponse;

let folder: string;
let authority: Authority;
let cleanUp: (() => unknown)[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'myelin-security-'));
  authority = Authority.create('lab', within(-60, 60));
  cleanUp = [() => rmSync(folder, { recursive: true })];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
});

type Self = Omit<PeerName, 'trustDomain'>;
const ipam: Self = { kind: 'service', name: 'ipam' };
const node = (name: string): Self => ({ kind: 'node', name });

function write(self: Self, by = authority, validity = within(-1, 30)) {
  const at = (what: string) => join(folder, `${self.kind}-${self.name}.${what}`);
  const { cert, key } = by.issue(self, validity);
  const files = { ca: at('ca'), cert: at('cert'), key: at('key') };
  writeFileSync(files.ca, by.cert);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return files;
}

const credentialsOf = (self: Self, by = authority) =>
  Credentials.open({ files: write(self, by), self, log: silentLog, readiness: new Readiness() });

async function serve(security: Security) {
  const server = new RpcServer({
    service: 'ipam',
    listen: { host: '127.0.0.1', port: 0 },
    listenUnix: join(folder, 'socket'),
    security,
    services: [
      implementPart(IdentityServiceService, {
        registerNode: () => registration,
        list: () => ({ identities: [], revision: undefined }),
      }),
      implementPart(PolicyServiceService, {
        apply: () => ({ revision: undefined, policies: [] }),
        subscribe: async function* (requests) {
          let count = 0;
          for await (const _ of requests) yield bookmark(++count);
        },
      }),
    ],
    readiness: new Readiness(),
    log: silentLog,
    meter: new Metrics('test').meter,
  });
  await server.start();
  cleanUp.push(() => server.stop(AbortSignal.timeout(0)));
  return server.port!;
}

function open(port: number, security: Security, name = 'ipam'): Channel {
  const channel = new Channel(name, `ipv4:127.0.0.1:${port}`, security);
  cleanUp.push(() => channel.close());
  return channel;
}

const register = (channel: Channel, name: string) =>
  clientOf(IdentityServiceService, channel, 2000).registerNode({ name, uid: 'u', addresses: [], podCidrs: [] });
const subscription = (name: string) => ({ node: name, subjects: [], policyRevision: undefined, identityRevision: undefined, held: {} });

describe('over TCP', () => {
  it('a node does what a node may, for itself', async () => {
    const port = await serve(credentialsOf(ipam));
    const channel = open(port, credentialsOf(node('n1')));
    expect(await register(channel, 'n1')).toEqual(registration);
    await expect(register(channel, 'n2')).rejects.toMatchObject({
      code: 'permission_denied',
      message: 'spiffe://lab/node/n1 may not call myelin.identity.v1.IdentityService/RegisterNode for node "n2", but for itself only',
    });
    const policies = clientOf(PolicyServiceService, channel, 2000);
    await expect(policies.apply({ documents: [] })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it("a message of a stream that is another node's ends it, after what came before was answered", async () => {
    const port = await serve(credentialsOf(ipam));
    const requests = new Mailbox<ReturnType<typeof subscription>>();
    const answers = clientOf(PolicyServiceService, open(port, credentialsOf(node('n1'))))
      .subscribe(requests)
      [Symbol.asyncIterator]();
    requests.push(subscription('n1'));
    expect((await answers.next()).value).toEqual(bookmark(1));
    requests.push(subscription('n2'));
    await expect(answers.next()).rejects.toMatchObject({ code: 'permission_denied', message: expect.stringContaining('for node "n2"') });
  });

  it('nobody is heard who has no certificate, one of another authority, or an older TLS', async () => {
    const port = await serve(credentialsOf(ipam));
    const { ca, cert, key } = credentialsOf(node('n1')).current;
    expect(await handshake(port, { ca, cert, key })).toBe('heard');
    expect(await handshake(port, { ca })).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    const stranger = Authority.create('lab', within(-60, 60)).issue(node('n1'), within(-1, 30));
    expect(await handshake(port, { ca, ...stranger })).not.toBe('heard');
    expect(await handshake(port, { ca, ...authority.issue(node('n1'), within(-9, -1)) })).not.toBe('heard');
    expect(await handshake(port, { ca, cert, key, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).toMatch(/PROTOCOL_VERSION/);
  });

  it('plain bytes get no answer but an alert', async () => {
    const port = await serve(credentialsOf(ipam));
    const answer = await new Promise<Buffer>((resolve) => {
      const chunks: Buffer[] = [];
      const socket = connect(port, '127.0.0.1', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', () => {});
      socket.on('close', () => resolve(Buffer.concat(chunks)));
    });
    // A TLS record of type alert (21) has seven bytes; a server may also just hang up.
    expect([0, 7]).toContain(answer.length);
    if (answer.length > 0) expect(answer[0]).toBe(21);
  });

  it('a server must be the service that is called, and certified by a trusted authority', async () => {
    const agent = credentialsOf(node('n1'));
    const impostor = await serve(credentialsOf({ kind: 'service', name: 'policy-compiler' }));
    await expect(register(open(impostor, agent), 'n1')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(
        "the server's certificate is made out to URI:spiffe://lab/service/policy-compiler, not to spiffe://lab/service/ipam",
      ),
    });
  });

  it('without certificates on the one side or the other nothing is said', async () => {
    const received: Buffer[] = [];
    const plain = createServer((socket) => {
      socket.on('data', (chunk) => {
        received.push(chunk);
        socket.destroy();
      });
      socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    cleanUp.push(() => plain.close());
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    await expect(register(open(port, credentialsOf(node('n1'))), 'n1')).rejects.toMatchObject({ code: 'unavailable' });
    // Nothing but the first record of a handshake.
    expect([...new Set(received.map((chunk) => chunk[0]))]).toEqual([22]);
    expect(() => new Channel('ipam', 'ipv4:127.0.0.1:1')).toThrow("can't call ipam at ipv4:127.0.0.1:1 without certificates");
  });

  it('a caller who has hung up, of whom grpc-js knows nothing any more, is nobody', () => {
    const gone = { getPeer: () => 'unknown', getAuthContext: () => ({}) };
    expect(callerOf(gone, credentialsOf(ipam))).toEqual({ by: 'nothing' });
  });

  it('a name of another trust domain is none, whoever signed it', async () => {
    const bridge = Authority.create('elsewhere', within(-60, 60));
    const files = write(ipam);
    writeFileSync(files.ca, authority.cert + bridge.cert);
    const server = Credentials.open({ files, self: ipam, log: silentLog, readiness: new Readiness() });
    const port = await serve(server);
    const { cert, key } = bridge.issue(node('n1'), within(-1, 30));
    const foreign = write(node('n1'));
    for (const [file, text] of [
      [foreign.ca, authority.cert + bridge.cert],
      [foreign.cert, cert],
      [foreign.key, key],
    ] as const)
      writeFileSync(file, text);
    const caller = Credentials.open({ files: foreign, self: node('n1'), log: silentLog, readiness: new Readiness() });
    Object.defineProperty(caller, 'serverCheck', { value: () => () => undefined });
    await expect(register(open(port, caller), 'n1')).rejects.toMatchObject({
      code: 'unauthenticated',
      message: 'myelin.identity.v1.IdentityService/RegisterNode needs a certificate that names the caller',
    });
  });
});

it('over the unix socket, which only root opens, everything may be called without a certificate', async () => {
  await serve(credentialsOf(ipam));
  const channel = new Channel('ipam', `unix:${join(folder, 'socket')}`);
  cleanUp.push(() => channel.close());
  expect(await clientOf(PolicyServiceService, channel).apply({ documents: [] })).toMatchObject({ policies: [] });
  expect(await register(channel, 'any')).toEqual(registration);
});

it('rotates without a restart: streams go on, new connections use the new certificates, also of a new authority, and old ones are worth nothing', async () => {
  const server = credentialsOf(ipam);
  const agent = credentialsOf(node('n1'));
  const port = await serve(server);
  const requests = new Mailbox<ReturnType<typeof subscription>>();
  const before = open(port, agent);
  const answers = clientOf(PolicyServiceService, before).subscribe(requests)[Symbol.asyncIterator]();
  requests.push(subscription('n1'));
  await answers.next();
  const old = agent.current;

  const next = Authority.create('lab', within(-60, 60));
  write(ipam, next);
  write(node('n1'), next);
  server.check();
  agent.check();
  expect(await register(open(port, agent), 'n1')).toEqual(registration);
  expect(await handshake(port, { ca: agent.current.ca, cert: old.cert, key: old.key })).not.toBe('heard');
  requests.push(subscription('n1'));
  expect((await answers.next()).value).toEqual(bookmark(2));
  expect(await register(before, 'n1')).toEqual(registration);
});

/** What becomes of a bare TLS connection: 'heard' where the server said something, else the error's code, or 'closed'. (In TLS 1.3 a client is refused after its side of the handshake.) */
function handshake(port: number, options: tls.ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket = tls.connect({ port, host: '127.0.0.1', checkServerIdentity: () => undefined, ALPNProtocols: ['h2'], ...options });
    // The server's settings, its first words.
    socket.once('data', () => {
      socket.destroy();
      resolve('heard');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}
