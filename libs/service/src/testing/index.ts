export { type BundledService, buildBundle, startBundle } from './bundle.ts';
export { ChildServer, eventually, freePort } from './child-server.ts';
export { startNats, startRedis } from './stores.ts';
