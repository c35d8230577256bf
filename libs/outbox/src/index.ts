export { addressOfHex, type BlockBounds, blocksLua, boundsOf, hexOf } from './blocks.ts';
export { parseRecord, parseRevision, type StoredRow } from './record.ts';
export { RedisLink, type RedisLinkOptions } from './redis-link.ts';
export { Relay, type RelayOptions } from './relay.ts';
export { type RevisedRow, RowTable } from './row-table.ts';
export { type Script, stateScript } from './script.ts';
export { type Reply, Store, type StoreOptions } from './store.ts';
