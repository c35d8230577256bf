import { status } from '@grpc/grpc-js';
import { describedFiles } from '@myelin/contracts/descriptors';
import { type ServerReflectionRequest, type ServerReflectionResponse, ServerReflectionService } from '@myelin/contracts/reflection';
import type { ServiceDefinition } from './definition.ts';
import { type ImplementedService, implement } from './implementation.ts';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

const byName = new Map(describedFiles.map((file) => [file.name, file]));
const bySymbol = new Map(describedFiles.flatMap(({ name, symbols }) => symbols.map((symbol) => [symbol, name] as const)));

/** grpc.reflection.v1: what a server serves, in descriptors, for stock clients. `definitions`: its services; itself is named beside them. */
export function reflectionService(definitions: readonly ServiceDefinition[]): ImplementedService {
  const names = [...new Set([...definitions, ServerReflectionService].flatMap(nameOf))].sort();
  return implement(ServerReflectionService, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests)
        yield { validHost: request.host, originalRequest: request, messageResponse: answerTo(request, names) };
    },
  });
}

/** `package.Service`, out of its methods' paths. */
const nameOf = (definition: ServiceDefinition) => Object.values(definition).map(({ path }) => path.split('/')[1]!);

function answerTo({ messageRequest }: ServerReflectionRequest, names: readonly string[]): Answer {
  switch (messageRequest?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: names.map((name) => ({ name })) } };
    case 'fileByFilename':
      return fileAnswer(messageRequest.value, messageRequest.value);
    case 'fileContainingSymbol':
      return fileAnswer(bySymbol.get(messageRequest.value), messageRequest.value);
    default:
      // Nothing of ours has extensions.
      return notFound('extensions');
  }
}

function fileAnswer(name: string | undefined, wanted: string): Answer {
  const files = name === undefined ? [] : closureOf(name);
  if (files.length === 0) return notFound(wanted);
  const fileDescriptorProto = files.map((file) => Buffer.from(byName.get(file)!.bytes, 'base64'));
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

/** A file, then all that it needs. */
function closureOf(name: string): readonly string[] {
  const found = new Set<string>();
  const add = (file: string) => {
    if (found.has(file) || !byName.has(file)) return;
    found.add(file);
    for (const dependency of byName.get(file)!.dependencies) add(dependency);
  };
  add(name);
  return [...found];
}

const notFound = (what: string): Answer => ({
  $case: 'errorResponse',
  value: { errorCode: status.NOT_FOUND, errorMessage: `${what}: not found` },
});
