export { addressOfHex, type BlockBounds, blocksLua, boundsOf, hexOf } from './blocks.ts';
export { BucketRecovery, type BucketRecoveryOptions } from './bucket-recovery.ts';
export {
  advanceOpening,
  type IncarnationLook,
  type OpeningAnswers,
  type OpeningDeed,
  type OpeningState,
} from './opening-state.ts';
export { parseRecord, parseRevision, type StoredRow } from './record.ts';
export {
  decideRecovery,
  type Presenters,
  type RecoveryDecision,
  type RecoveryScope,
  type RecoveryStanding,
  recoveryScopes,
} from './recovery.ts';
export { RedisLink, type RedisLinkOptions } from './redis-link.ts';
export { Relay, type RelayOptions } from './relay.ts';
export { RelayBucket } from './relay-bucket.ts';
export { RelayQueue, type RelayQueueOptions } from './relay-queue.ts';
export {
  advanceRelay,
  afterFailure,
  type ExpiredTombstone,
  type ListedRow,
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
export { recoveryLua } from './scripts/recovery.lua.ts';
export { type Recovery, type Reply, type ScriptRunner, Store, type StoreOptions } from './store.ts';
export { type LostRow, WholeBuckets } from './whole-buckets.ts';
