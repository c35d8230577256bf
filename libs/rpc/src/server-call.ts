import type { EventEmitter } from 'node:events';
import {
  Metadata,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  status,
} from '@grpc/grpc-js';
import { type Log, MyelinError } from '@myelin/service';
import type { CallContext } from './implementation.ts';
import { Mailbox } from './mailbox.ts';
import { internalStatus, ownStatusKey, statusOfError } from './status.ts';

// biome-ignore lint/suspicious/noExplicitAny: message types are checked where handlers are implemented
type Message = any;
type AnyCall = ServerUnaryCall<Message, Message> | ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;

/** What one call needs from its server. */
export interface CallEnvironment {
  readonly service: string;
  readonly method: string;
  readonly log: Log;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
}

/** The call's context; its signal follows the caller and the server. */
export function contextOf(call: AnyCall, stopping?: AbortSignal): CallContext {
  const cancelled = new AbortController();
  (call as EventEmitter).on('cancelled', () => cancelled.abort(new MyelinError('cancelled', 'the caller has gone')));
  const signal = stopping === undefined ? cancelled.signal : AbortSignal.any([cancelled.signal, stopping]);
  return { signal, peer: call.getPeer() };
}

/** The gRPC status for what a handler threw; logs what nobody foresaw. */
export function failureOf(error: unknown, environment: CallEnvironment, signal: AbortSignal): StatusObject {
  const known = statusOfError(error) ?? (signal.aborted ? statusOfError(signal.reason) : null);
  if (known === null) environment.log.error({ err: error, method: environment.method }, 'unexpected error in a gRPC handler');
  const result = known ?? internalStatus(environment.service);
  result.metadata = new Metadata();
  result.metadata.set(ownStatusKey, '1');
  return result;
}

/** Messages of a bidirectional call that `admit` lets pass; ends when the caller has sent all or the call is over. */
export function requestsOf(
  call: ServerDuplexStream<Message, Message>,
  signal: AbortSignal,
  admit: (message: Message) => boolean,
): Mailbox<Message> {
  const mailbox = new Mailbox<Message>({ flow: (go) => (go ? call.resume() : call.pause()) });
  call.on('data', (message) => {
    if (admit(message)) mailbox.push(message);
  });
  call.on('end', () => mailbox.close());
  call.on('error', () => mailbox.close());
  signal.addEventListener('abort', () => mailbox.close(), { once: true });
  return mailbox;
}

const aborted = (signal: AbortSignal) =>
  new Promise<'aborted'>((resolve) => {
    if (signal.aborted) resolve('aborted');
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });

/** Writes a handler's messages, no faster than the caller reads, and ends the call with the status it deserves. Resolves with its code. */
export async function writeAll(
  call: ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>,
  produce: () => AsyncIterable<Message>,
  environment: CallEnvironment,
  signal: AbortSignal,
): Promise<status> {
  const over = aborted(signal);
  let iterator: AsyncIterator<Message> | undefined;
  try {
    iterator = produce()[Symbol.asyncIterator]();
    while (true) {
      const next = await Promise.race([iterator.next(), over]);
      if (next === 'aborted') throw signal.reason;
      if (next.done) break;
      if (!call.write(next.value)) await Promise.race([new Promise<void>((resolve) => call.once('drain', () => resolve())), over]);
    }
    call.end();
    return status.OK;
  } catch (error) {
    // Not awaited: a generator that hangs in an await of its own would hold the call open.
    void Promise.resolve(iterator?.return?.()).catch(() => {});
    const failure = failureOf(error, environment, signal);
    call.emit('error', failure);
    return failure.code;
  }
}
