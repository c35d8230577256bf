export { addressOfHex, type BlockBounds, blocksLua, boundsOf, hexOf } from './blocks.ts';
export {
  advanceOpening,
  type IncarnationLook,
  type OpeningAnswers,
  type OpeningDeed,
  type OpeningState,
} from './opening-state.ts';
export { parseRecord, parseRevision, type StoredRow } from './record.ts';
export { RedisLink, type RedisLinkOptions } from './redis-link.ts';
export { Relay, type RelayOptions } from './relay.ts';
export { RelayBucket } from './relay-bucket.ts';
export { RelayQueue, type RelayQueueOptions } from './relay-queue.ts';
export {
  advanceRelay,
  afterFailure,
  type ExpiredTombstone,
  leaseMs,
  type Place,
  type QueuedWrite,
  type RelayAnswers,
  type RelayDeed,
  type RelayState,
  relayBegins,
} from './relay-state.ts';
export { type RevisedRow, RowTable } from './row-table.ts';
export { type Script, stateScript } from './script.ts';
export { type Reply, Store, type StoreOptions } from './store.ts';
