export { ChildServer, eventually, freePort } from './child-server.ts';
export { startNats, startRedis } from './stores.ts';
