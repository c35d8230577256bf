import { unlink } from 'node:fs/promises';
import {
  Server,
  type ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { Security } from '@myelin/credentials';
import { type Component, formatHostPort, type HostPort, type Log, MyelinError, type Readiness } from '@myelin/service';
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import { type Caller, checkAccess } from './access.ts';
import { callerOf } from './caller.ts';
import { tcpServerCredentials, unixServerCredentials } from './credentials.ts';
import type { AnyMethod } from './definition.ts';
import { healthService } from './health.ts';
import type { ImplementedService } from './implementation.ts';
import { reflectionService } from './reflection.ts';
import { type CallEnvironment, contextOf, failureOf, requestsOf, writeAll } from './server-call.ts';
import { checkTcpPort } from './tcp-port.ts';
import { freeUnixSocket, restrictUnixSocket } from './unix-socket.ts';

/** A server's addresses and what it serves. At least one address. */
export interface RpcServerOptions {
  /** The process's name, as callers read it in messages. */
  readonly service: string;
  readonly listen?: HostPort | null;
  /** What `listen` needs: who connects there is known by certificate and may do what access.ts says. Local callers may do all. */
  readonly security?: Security;
  readonly listenUnix?: string | null;
  readonly services: readonly ImplementedService[];
  readonly readiness: Readiness;
  readonly log: Log;
  readonly meter: Meter;
}

/** Messages may be large: a compiled policy, a list of manifests. Bytes. */
const longestMessage = 32 * 1024 * 1024;

/** Nobody stays by a certificate of long ago: new calls of older connections move on to new ones, streams stay. Milliseconds. */
const connectionsLiveMs = 60 * 60_000;

type CallerOf = (call: Parameters<typeof callerOf>[0]) => Caller;

/** A method as one of the servers serves it. */
interface ServedMethod extends CallEnvironment {
  readonly callerOfCall: CallerOf;
}

/** gRPC server on TCP, a unix socket, or both, with health and reflection beside the services asked for. Start it last: it serves at once. */
export class RpcServer implements Component {
  readonly name = 'gRPC server';
  readonly #options: RpcServerOptions;
  /** One for each way in: a call knows by its server how it came, whatever has become of its connection. */
  readonly #local: Server;
  readonly #remote: Server;
  readonly #stopping = new AbortController();
  readonly #handled: Counter;
  readonly #seconds: Histogram;
  #port: number | null = null;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#handled = options.meter.createCounter('grpc_server_handled', {
      description: 'gRPC calls that were answered, by method and code',
    });
    this.#seconds = options.meter.createHistogram('grpc_server_handling_seconds', {
      description: 'Time from a unary call to its answer',
      unit: 's',
      advice: { explicitBucketBoundaries: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5] },
    });
    const own = [...options.services, healthService(options.readiness)];
    const services = [...own, reflectionService(own.map(({ definition }) => definition))];
    this.#local = this.#serve(services, () => ({ by: 'local' }));
    this.#remote = this.#serve(services, (call) => callerOf(call, options.security));
  }

  /** TCP port, once started; null without a TCP address. */
  get port(): number | null {
    return this.#port;
  }

  async start(): Promise<void> {
    const { listen, listenUnix } = this.#options;
    if (listenUnix != null) {
      await freeUnixSocket(listenUnix);
      await bind(this.#local, `unix:${listenUnix}`, unixServerCredentials());
      await restrictUnixSocket(listenUnix);
    }
    if (listen == null) return;
    const address = { ...listen, host: listen.host === '' ? '::' : listen.host };
    await checkTcpPort(address);
    const text = formatHostPort(address);
    this.#port = await bind(this.#remote, text, tcpServerCredentials(this.#options.security, text));
  }

  /** Ends streams with UNAVAILABLE, lets unary calls finish until `signal` aborts, then cuts them. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort(new MyelinError('unavailable', `${this.#options.service} is stopping`));
    const servers = [this.#local, this.#remote];
    const cut = () => {
      for (const server of servers) server.forceShutdown();
    };
    signal.addEventListener('abort', cut, { once: true });
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.tryShutdown(() => resolve()))));
    signal.removeEventListener('abort', cut);
    if (this.#options.listenUnix != null) await unlink(this.#options.listenUnix).catch(() => {});
  }

  #serve(services: readonly ImplementedService[], callerOfCall: CallerOf): Server {
    const server = new Server({
      'grpc.max_receive_message_length': longestMessage,
      'grpc.max_send_message_length': longestMessage,
      // Finds callers that vanished without a word, or their streams stay for ever.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      'grpc.max_connection_age_ms': connectionsLiveMs,
    });
    for (const service of services) this.#add(server, service, callerOfCall);
    return server;
  }

  #add(server: Server, { definition, handlers }: ImplementedService, callerOfCall: CallerOf): void {
    const implementation: Record<string, (call: never, answer: never) => void> = {};
    for (const [name, method] of Object.entries(definition)) {
      const handler = handlers[name]!;
      const { service, log } = this.#options;
      const environment = { service, method: method.path, log, stopping: this.#stopping.signal, callerOfCall };
      implementation[name] = method.responseStream ? this.#stream(method, handler, environment) : this.#unary(handler, environment);
    }
    server.addService(definition, implementation as never);
  }

  #unary(handler: ImplementedService['handlers'][string], environment: ServedMethod) {
    return async (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>): Promise<void> => {
      const started = performance.now();
      // Without the server's own signal: a stopping server lets unary calls finish.
      const { signal, peer } = contextOf(call);
      let code = status.OK;
      try {
        checkAccess(environment.callerOfCall(call), environment.method)(call.request);
        answer(null, await handler(call.request, { signal, peer }));
      } catch (error) {
        const failure = failureOf(error, environment, signal);
        code = failure.code;
        answer(failure);
      }
      this.#count(environment.method, code);
      this.#seconds.record((performance.now() - started) / 1000, { method: environment.method });
    };
  }

  #stream(method: AnyMethod, handler: ImplementedService['handlers'][string], environment: ServedMethod) {
    return async (call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>): Promise<void> => {
      const refused = new AbortController();
      const context = contextOf(call, AbortSignal.any([environment.stopping, refused.signal]));
      const produce = () => {
        const check = checkAccess(environment.callerOfCall(call), environment.method);
        if (!method.requestStream) {
          const { request } = call as ServerWritableStream<unknown, unknown>;
          check(request);
          return handler(request, context);
        }
        // A message that isn't the caller's to send ends the call, wherever its handler is.
        const admit = (message: unknown) => {
          try {
            check(message);
          } catch (error) {
            refused.abort(error);
          }
          return !refused.signal.aborted;
        };
        return handler(requestsOf(call as ServerDuplexStream<unknown, unknown>, context.signal, admit), context);
      };
      this.#count(environment.method, await writeAll(call, produce, environment, context.signal));
    };
  }

  #count(method: string, code: status): void {
    this.#handled.add(1, { method, code: status[code] ?? `${code}` });
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (cause, port) => {
      if (cause === null) resolve(port);
      else reject(new MyelinError('unavailable', `can't listen on ${address}: choose another address (${cause.message})`, { cause }));
    });
  });
}
