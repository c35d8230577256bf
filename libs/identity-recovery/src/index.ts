export { type KnownRow, type KnownRows, mergeKnown } from './known.ts';
export { type Claim, type EndpointRow, type NumberClaim, type Ownership, ownersOf } from './owners.ts';
export { type Holder, type KnownState, type LostNumber, planRecovery, type RecoveryPlan } from './plan.ts';
