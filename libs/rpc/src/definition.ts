import type { MethodDefinition } from '@grpc/grpc-js';

// biome-ignore lint/suspicious/noExplicitAny: a table of methods of any message types; RequestOf and ResponseOf give them back
export type AnyMethod = MethodDefinition<any, any>;

/** A generated `…Service` constant: methods by name. */
export type ServiceDefinition = Readonly<Record<string, AnyMethod>>;

/** Message that a method takes. */
export type RequestOf<M> = M extends { requestDeserialize: (bytes: Buffer) => infer Q } ? Q : never;
/** Message that a method answers with. */
export type ResponseOf<M> = M extends { responseDeserialize: (bytes: Buffer) => infer S } ? S : never;

/** Picks by the kind of a method: unary, server stream or bidirectional stream. Client streams are not used in Myelin. */
export type ByKind<M, Unary, ServerStream, Bidirectional> = M extends { requestStream: false; responseStream: false }
  ? Unary
  : M extends { requestStream: false; responseStream: true }
    ? ServerStream
    : M extends { requestStream: true; responseStream: true }
      ? Bidirectional
      : never;
