import type { ByKind, RequestOf, ResponseOf, ServiceDefinition } from './definition.ts';

/** What a handler knows of its call. */
export interface CallContext {
  /** Aborts when the caller has gone, its deadline has passed, or the server stops. */
  readonly signal: AbortSignal;
  /** Transport address of the caller, for logs. */
  readonly peer: string;
}

/**
 * One function a method. Unary: message in, message out. Server stream: message in, messages out. Bidirectional: messages in, messages out.
 * Throw MyelinError to refuse; a stream ends when its iterable does. Streams must heed `context.signal`.
 */
export type Handlers<D extends ServiceDefinition> = {
  readonly [K in keyof D]: ByKind<
    D[K],
    (request: RequestOf<D[K]>, context: CallContext) => ResponseOf<D[K]> | Promise<ResponseOf<D[K]>>,
    (request: RequestOf<D[K]>, context: CallContext) => AsyncIterable<ResponseOf<D[K]>>,
    (requests: AsyncIterable<RequestOf<D[K]>>, context: CallContext) => AsyncIterable<ResponseOf<D[K]>>
  >;
};

/** A service definition with its handlers, ready for `RpcServer`. */
export interface ImplementedService {
  readonly definition: ServiceDefinition;
  // biome-ignore lint/suspicious/noExplicitAny: `implement` has checked the types against the definition
  readonly handlers: Readonly<Record<string, (input: any, context: CallContext) => any>>;
}

/** Joins a generated `…Service` constant and its handlers; a missing or mistyped method does not compile. */
export function implement<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>): ImplementedService {
  return { definition, handlers: handlers as ImplementedService['handlers'] };
}
