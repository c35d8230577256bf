export { AddressPool, type PoolAnswer, type PoolMemory, type PoolRefusal } from './address-pool.ts';
export { CallCounter } from './call-counter.ts';
export {
  type Assignment,
  advance,
  createEndpoint,
  type EndpointEffect,
  type EndpointEvent,
  type EndpointRecord,
  type EndpointSpec,
  type EndpointState,
  type HeldNumbers,
  heldBy,
  isConfirmed,
  isCutOff,
  resume,
  type Step,
  subjectsOf,
} from './endpoint.ts';
export {
  answeredSubjects,
  isStateFor,
  neededOfOthers,
  type Standing,
  type StateChange,
  type StateStep,
  stepsOf,
} from './enforcement.ts';
export { RegistrationAttempts } from './registration-attempts.ts';
export { type Applied, type NodeReport, Reports, readReport } from './reports.ts';
export {
  type CompiledView,
  Subscription,
  type SubscriptionMessage,
  type SubscriptionRequest,
  type ViewChange,
} from './subscription.ts';
