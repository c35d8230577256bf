export { isMyelinError, MyelinError } from '@myelin/service';
export { Channel, parseTarget } from './channel.ts';
export { type CallOptions, clientOf, type RpcClient } from './client.ts';
export type { RequestOf, ResponseOf, ServiceDefinition } from './definition.ts';
export { type FollowOptions, type FollowState, follow } from './follow.ts';
export { type CallContext, type Handlers, type ImplementedService, implement } from './implementation.ts';
export { Mailbox } from './mailbox.ts';
export { RpcServer, type RpcServerOptions } from './server.ts';
export { isTransient } from './status.ts';
