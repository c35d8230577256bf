import { type ClientDuplexStream, type ClientReadableStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import { MyelinError } from '@myelin/service';
import type { Channel } from './channel.ts';
import type { AnyMethod, ByKind, RequestOf, ResponseOf, ServiceDefinition } from './definition.ts';
import { Mailbox } from './mailbox.ts';
import { errorOfStatus } from './status.ts';

/** Options of one call. */
export interface CallOptions {
  /** Unary calls always have a deadline; this overrides the client's. */
  readonly deadlineMs?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/**
 * The methods of a service. Unary: a promise. Streams: an iterable; leaving the loop cancels the call. All throw MyelinError.
 */
export type RpcClient<D extends ServiceDefinition> = {
  readonly [K in keyof D]: ByKind<
    D[K],
    (request: RequestOf<D[K]>, options?: CallOptions) => Promise<ResponseOf<D[K]>>,
    (request: RequestOf<D[K]>, options?: CallOptions) => AsyncIterable<ResponseOf<D[K]>>,
    (requests: AsyncIterable<RequestOf<D[K]>>, options?: CallOptions) => AsyncIterable<ResponseOf<D[K]>>
  >;
};

/** A client for a generated `…Service` constant over a channel (several clients may share one). `deadlineMs`: of unary calls, default 5,000. */
export function clientOf<D extends ServiceDefinition>(definition: D, channel: Channel, deadlineMs = 5000): RpcClient<D> {
  const methods = Object.entries(definition).map(([name, method]) => {
    if (method.requestStream)
      return [name, (requests: AsyncIterable<unknown>, options?: CallOptions) => bidirectional(channel, method, requests, options)];
    if (method.responseStream) return [name, (request: unknown, options?: CallOptions) => serverStream(channel, method, request, options)];
    return [name, (request: unknown, options?: CallOptions) => unary(channel, method, request, { deadlineMs, ...options })];
  });
  return Object.freeze(Object.fromEntries(methods)) as RpcClient<D>;
}

const cancelled = (channel: Channel, method: AnyMethod) =>
  new MyelinError('cancelled', `the call of ${method.path} to ${channel.peer} was cancelled`);

function unary(
  channel: Channel,
  method: AnyMethod,
  request: unknown,
  options: CallOptions & { readonly deadlineMs: number },
): Promise<unknown> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled(channel, method));
    const { path, requestSerialize, responseDeserialize } = method;
    const cancel = () => call.cancel();
    const call = channel.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline: Date.now() + options.deadlineMs },
      (error: ServiceError | null, response?: unknown) => {
        signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(errorOfStatus(error, channel.peer, path));
        else resolve(response);
      },
    );
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function serverStream(channel: Channel, method: AnyMethod, request: unknown, options: CallOptions = {}): AsyncIterable<unknown> {
  const { path, requestSerialize, responseDeserialize } = method;
  const deadline = options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
  return responsesOf(
    channel,
    method,
    channel.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), deadline),
    options.signal,
  );
}

function bidirectional(
  channel: Channel,
  method: AnyMethod,
  requests: AsyncIterable<unknown>,
  options: CallOptions = {},
): AsyncIterable<unknown> {
  const { path, requestSerialize, responseDeserialize } = method;
  const call = channel.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata(), {});
  const responses = responsesOf(channel, method, call, options.signal);
  sendAll(call, requests).catch(() => call.cancel());
  return responses;
}

async function sendAll(call: ClientDuplexStream<unknown, unknown>, requests: AsyncIterable<unknown>): Promise<void> {
  const over = new Promise<'over'>((resolve) => call.once('status', () => resolve('over')));
  const iterator = requests[Symbol.asyncIterator]();
  while (true) {
    const next = await Promise.race([iterator.next(), over]);
    if (next === 'over') return void (await iterator.return?.());
    if (next.done) return void call.end();
    if (!call.write(next.value)) await Promise.race([new Promise<void>((resolve) => call.once('drain', () => resolve())), over]);
  }
}

type Responses = ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>;

/** Reads a call's answers, holding the server back while nobody takes them. */
function responsesOf(channel: Channel, method: AnyMethod, call: Responses, signal: AbortSignal | undefined): Mailbox<unknown> {
  const cancel = () => call.cancel();
  const mailbox = new Mailbox<unknown>({
    flow: (go) => (go ? call.resume() : call.pause()),
    onReturn: () => {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    },
  });
  call.on('data', (message: unknown) => mailbox.push(message));
  call.on('error', (error: ServiceError) =>
    mailbox.fail(signal?.aborted ? cancelled(channel, method) : errorOfStatus(error, channel.peer, method.path)),
  );
  call.on('end', () => mailbox.close());
  if (signal?.aborted) call.cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  return mailbox;
}
