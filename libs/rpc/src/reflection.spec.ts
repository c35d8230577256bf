import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AgentServiceService } from '@myelin/contracts/agent';
import { describedFiles } from '@myelin/contracts/descriptors';
import { IdentityServiceService } from '@myelin/contracts/identity';
import { ServerReflectionService } from '@myelin/contracts/reflection';
import { Metrics, Readiness, silentLog } from '@myelin/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Channel, clientOf, Mailbox, parseTarget, RpcServer } from './index.ts';
import { implementPart } from './testing/index.ts';

const buf = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.bin', 'buf');
let folder: string;
let server: RpcServer;
let channel: Channel;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'myelin-reflection-'));
  server = new RpcServer({
    service: 'tested',
    listenUnix: join(folder, 'socket'),
    services: [
      implementPart(IdentityServiceService, { list: ({ labels }) => ({ identities: [{ number: 300, labels }], revision: undefined }) }),
      implementPart(AgentServiceService, {}),
    ],
    readiness: new Readiness(),
    log: silentLog,
    meter: new Metrics('test').meter,
  });
  await server.start();
  channel = new Channel('tested', parseTarget(`unix:${join(folder, 'socket')}`)!);
});
afterEach(async () => {
  channel.close();
  await server.stop(AbortSignal.timeout(0));
  await rm(folder, { recursive: true });
});

async function ask(messageRequest: Parameters<typeof encode>[0]) {
  const requests = new Mailbox<ReturnType<typeof encode>>();
  requests.push(encode(messageRequest));
  for await (const { messageResponse } of clientOf(ServerReflectionService, channel).serverReflectionInfo(requests)) return messageResponse;
  return undefined;
}
const encode = (
  messageRequest:
    | { $case: 'listServices' | 'fileByFilename' | 'fileContainingSymbol' | 'allExtensionNumbersOfType'; value: string }
    | undefined,
) => ({ host: '', messageRequest });

describe('reflection', () => {
  it('lets a stock client call a service of which it has no file', async () => {
    const call = promisify(execFile)(buf, [
      'curl',
      ...['--protocol', 'grpc', '--http2-prior-knowledge', '--unix-socket', join(folder, 'socket')],
      ...['--data', '{"labels":["k8s:app=web"]}', 'http://localhost/myelin.identity.v1.IdentityService/List'],
    ]);
    expect(JSON.parse((await call).stdout)).toEqual({ identities: [{ number: 300, labels: ['k8s:app=web'] }] });
  });

  it('names what is served, health and itself too', async () => {
    expect(await ask({ $case: 'listServices', value: '' })).toEqual({
      $case: 'listServicesResponse',
      value: {
        service: [
          { name: 'grpc.health.v1.Health' },
          { name: 'grpc.reflection.v1.ServerReflection' },
          { name: 'myelin.agent.v1.AgentService' },
          { name: 'myelin.identity.v1.IdentityService' },
        ],
      },
    });
  });

  it('hands out a file with all that it needs, by its name, a method, or a message within a message', async () => {
    const filesOf = async (request: Parameters<typeof ask>[0]) => {
      const answer = await ask(request);
      return answer?.$case === 'fileDescriptorResponse' ? answer.value.fileDescriptorProto.length : answer;
    };
    // agent.proto itself, flow, policy, revision, and three of Google's.
    expect(await filesOf({ $case: 'fileContainingSymbol', value: 'myelin.agent.v1.AgentService.GetStatus' })).toBe(7);
    expect(await filesOf({ $case: 'fileContainingSymbol', value: 'myelin.agent.v1.EndpointSpec.LabelsEntry' })).toBe(7);
    expect(await filesOf({ $case: 'fileByFilename', value: 'myelin/ipam/v1/ipam.proto' })).toBe(1);
  });

  it('says what it does not know', async () => {
    const notFound = { $case: 'errorResponse', value: expect.objectContaining({ errorCode: 5 }) };
    for (const $case of ['fileByFilename', 'fileContainingSymbol', 'allExtensionNumbersOfType'] as const)
      expect(await ask({ $case, value: 'constructor' })).toEqual(notFound);
    expect(await ask(undefined)).toEqual(notFound);
  });

  it('has every contract, each after those that it needs', () => {
    const seen = new Set<string>();
    for (const { name, dependencies, bytes } of describedFiles) {
      expect(
        dependencies.filter((one) => !seen.has(one)),
        name,
      ).toEqual([]);
      expect(Buffer.from(bytes, 'base64').includes(name)).toBe(true);
      seen.add(name);
    }
  });
});
